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
    this.carried = new Map(); // id of a shared track → participant id
    this.seen = new Set(); // ids of messages
    this.own = { audio: {}, video: {} }; // what the viewer gives: track and its sender
    this.captionLines = new Map(); // number → element
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

  // showCaptions switches captions on or off; captionBox is where they are.
  showCaptions(on) {
    this.captionLines.clear();
    this.captionBox?.remove();
    if (on) this.view.append(this.captionBox = this.makeCaptions());
    this.socket.send(JSON.stringify({ type: 'captions', on }));
  }

  // caption shows a line, or what has become of it; the oldest scroll away.
  caption(line) {
    if (!this.captionBox) return;
    let el = this.captionLines.get(line.id);
    if (!el) {
      el = this.captionLine(line);
      this.captionLines.set(line.id, el);
      this.captionList().append(el);
      while (this.captionLines.size > this.captionsKept()) {
        const [oldest, gone] = this.captionLines.entries().next().value;
        gone.remove();
        this.captionLines.delete(oldest);
      }
    }
    this.captionText(el).textContent = line.text;
  }

  captionList() { return this.captionBox; }

  captionsKept() { return 4; }

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
    for (const [kind, mid] of [['audio', msg.mic], ['video', msg.cam]]) {
      if (!mid) continue;
      const t = this.pc.getTransceivers().find((x) => x.mid === mid);
      const { track } = this.own[kind];
      t.direction = 'sendonly';
      this.own[kind].sender = t.sender;
      await t.sender.replaceTrack(track?.enabled ? track : null);
    }
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    this.socket.send(JSON.stringify({ type: 'answer', sdp: this.pc.localDescription.sdp }));
  }

  // give switches the microphone (audio) or the camera (video). The connection
  // for it comes with the first time.
  async give(kind, on) {
    const mine = this.own[kind];
    mine.track ??= (await navigator.mediaDevices.getUserMedia({ [kind]: true })).getTracks()[0];
    mine.track.enabled = on;
    if (kind === 'video') this.attach(this.self, mine.track, on);
    if (mine.sender) await mine.sender.replaceTrack(on ? mine.track : null);
    this.socket.send(JSON.stringify({ type: kind === 'audio' ? 'mic' : 'cam', on }));
  }

  // device is a switch that asks for what it switches.
  device(kind, make) {
    return make((on) => this.give(kind, on).catch((err) => console.error(err)));
  }

  connect() {
    this.pc = new RTCPeerConnection();
    this.pc.addEventListener('track', (e) => {
      if (this.options.own_video && e.track.kind === 'video') {
        e.receiver.transform = new RTCRtpScriptTransform(this.frames ??= new Worker('/assets/frames.js'));
      }
      this.attach(this.carried.get(e.track.id) ?? this.owners.get(e.transceiver.mid), e.track);
    });
    this.pc.addEventListener('datachannel', (e) => {
      if (e.channel.label !== 'collections') return;
      e.channel.addEventListener('message', (m) => { this.collections = m.data; });
    });
  }

  // attach plays a track; one that is nobody's plays beside the tiles.
  attach(id, track, on = true) {
    const el = h(track.kind, { autoplay: true, playsinline: true });
    el.srcObject = new MediaStream([track]);
    if (track.kind === 'video') el.muted = true;
    this.players.set(track.id, el);
    this.place(id, el, on);
  }

  // carry says whom tracks show that people share.
  carry(tracks) {
    for (const t of tracks) {
      this.carried.set(t.track, t.person);
      const el = this.players.get(t.track);
      if (el) this.place(t.person, el);
    }
  }

  place(id, el, on = true) {
    const place = id ? this.tile({ id }) : this.view;
    if (id) place.querySelector(`:scope > ${el.localName}`)?.remove();
    if (!on) return el.remove();
    place.prepend(el);
    el.play().catch(() => {}); // not before somebody has clicked
  }

  close() {
    this.pc?.close();
  }
}
