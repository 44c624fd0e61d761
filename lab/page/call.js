'use strict';

// clock is the time of a chat message.
const clock = (msg) => new Date(msg.sent_ms).toISOString().slice(11, 16);

// Call is what the screens in the call have in common: tiles with media, levels
// of speech, chat. A platform's own builds the elements.
class Call {
  constructor(msg, socket, leave) {
    this.self = msg.id;
    this.options = msg;
    this.socket = socket;
    this.tiles = new Map(); // participant id → tile
    this.owners = new Map(); // mid → participant id
    this.players = new Map(); // id of a track → element
    this.seen = new Set(); // ids of messages
    this.view = this.build(leave);
  }

  // people shows who is in. Tiles of those who stay are kept: their media
  // would stop otherwise.
  people(list) {
    this.list = list;
    const here = new Set(list.map((p) => p.id));
    for (const [id, tile] of this.tiles) {
      if (here.has(id)) continue;
      tile.remove();
      this.tiles.delete(id);
    }
    for (const p of list) this.nameTile(this.tile(p), p);
    this.counted(list.length);
    this.grid.dataset.size = list.length > 4 ? 'many' : list.length > 1 ? 'few' : 'one';
  }

  counted() {}

  tile(p) {
    let tile = this.tiles.get(p.id);
    if (tile) return tile;
    tile = this.makeTile(p, p.id === this.self);
    this.tiles.set(p.id, tile);
    this.grid.append(tile);
    return tile;
  }

  levels(levels) {
    for (const [id, level] of Object.entries(levels)) {
      const tile = this.tiles.get(id);
      if (tile) this.level(tile, level, id);
    }
  }

  message(msg) {
    if (this.seen.has(msg.id)) return;
    this.seen.add(msg.id);
    this.messages.append(this.line(msg));
  }

  say(text) {
    if (text.trim()) this.socket.send(JSON.stringify({ type: 'chat', text: text.trim() }));
  }

  // editor is a field for messages that Enter sends.
  editor(attrs) {
    const el = h('div', { contenteditable: 'true', ...attrs });
    el.addEventListener('keydown', (e) => {
      if (e.key !== 'Enter') return;
      e.preventDefault();
      this.say(el.textContent);
      el.textContent = '';
    });
    return el;
  }

  async offer(msg) {
    if (!this.pc) this.connect();
    for (const t of msg.tracks || []) this.owners.set(t.mid, t.person);
    await this.pc.setRemoteDescription({ type: 'offer', sdp: msg.sdp });
    if (msg.mic) {
      const t = this.pc.getTransceivers().find((x) => x.mid === msg.mic);
      t.direction = 'sendonly';
      this.sender = t.sender;
      await t.sender.replaceTrack(this.voice?.enabled ? this.voice : null);
    }
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    this.socket.send(JSON.stringify({ type: 'answer', sdp: this.pc.localDescription.sdp }));
  }

  // speak switches the microphone. The connection for it comes with the first
  // time.
  async speak(on) {
    this.voice ??= (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks()[0];
    this.voice.enabled = on;
    if (this.sender) await this.sender.replaceTrack(on ? this.voice : null);
    this.socket.send(JSON.stringify({ type: 'mic', on }));
  }

  connect() {
    this.pc = new RTCPeerConnection();
    this.pc.addEventListener('track', (e) => {
      if (this.options.own_video && e.track.kind === 'video') {
        e.receiver.transform = new RTCRtpScriptTransform(this.frames ??= new Worker('/assets/frames.js'));
      }
      this.attach(this.owners.get(e.transceiver.mid), e.track);
    });
    this.pc.addEventListener('datachannel', (e) => {
      if (e.channel.label !== 'collections') return;
      e.channel.addEventListener('message', (m) => { this.collections = m.data; });
    });
  }

  // attach plays a track; one that is nobody's plays beside the tiles.
  attach(id, track) {
    const el = h(track.kind, { autoplay: true, playsinline: true });
    el.srcObject = new MediaStream([track]);
    if (track.kind === 'video') el.muted = true;
    this.players.set(track.id, el);
    this.place(id, el);
  }

  // carry says whom tracks show that people share.
  carry(tracks) {
    for (const t of tracks) {
      const el = this.players.get(t.track);
      if (el) this.place(t.person, el);
    }
  }

  place(id, el) {
    const place = id ? this.tile({ id }) : this.view;
    if (id) place.querySelector(`:scope > ${el.localName}`)?.remove();
    place.prepend(el);
    el.play().catch(() => {}); // not before somebody has clicked
  }

  close() {
    this.pc?.close();
  }
}
