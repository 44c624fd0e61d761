'use strict';

// Call is the screen in the call: tiles with media, chat, people.
class Call {
  constructor(self, socket, leave) {
    this.self = self;
    this.socket = socket;
    this.tiles = new Map(); // participant id → tile
    this.owners = new Map(); // mid → participant id
    this.grid = h('div', { class: 'grid', jsname: 'E2KThb' });
    this.count = h('div', { 'data-avatar-count': '0', class: 'count' }, '');
    this.messages = h('div', { class: 'messages', 'aria-live': 'polite' });
    this.chat = this.chatPanel();
    this.view = h('main', { class: 'call' }, this.grid, this.chat,
      controls(leave, [icon('Present now', 'present'), icon('Send a reaction', 'mood'), icon('Raise hand', 'back_hand')],
        toggle('microphone', true, (muted) => this.speak(!muted).catch((err) => console.error(err)))),
      h('nav', { class: 'tools' }, this.count,
        icon('Meeting details', 'info', () => {}, { 'data-panel-id': '5' }),
        icon('People', 'people', () => {}, { 'data-panel-id': '1' }),
        icon('Chat with everyone', 'chat', () => { this.chat.hidden = !this.chat.hidden; }, { 'data-panel-id': '2' }),
        icon('Meeting tools', 'apps', () => {}, { 'data-panel-id': '10' })));
  }

  chatPanel() {
    const text = h('textarea', { 'aria-label': 'Send a message', maxlength: '500', rows: '2' });
    const send = h('button', { type: 'button', 'aria-label': 'Send a message to everyone', disabled: true },
      h('i', { 'aria-hidden': 'true' }, 'send'));
    text.addEventListener('input', () => { send.disabled = text.value.trim() === ''; });
    send.addEventListener('click', () => {
      this.socket.send(JSON.stringify({ type: 'chat', text: text.value.trim() }));
      text.value = '';
      send.disabled = true;
    });
    return h('aside', { 'aria-label': 'Side panel', hidden: true },
      h('h2', {}, 'In-call messages'), this.messages, h('div', { class: 'row' }, text, send));
  }

  consent() {
    const box = dialog('This video call is being recorded',
      h('p', {}, 'By joining, you consent to being recorded'),
      button('Leave', () => this.socket.send(JSON.stringify({ type: 'declined' }))),
      button('Join now', () => box.remove(), { 'data-mdc-dialog-action': 'ok' }));
    this.view.append(box);
  }

  // people shows who is in. Tiles of those who stay are kept: their media
  // would stop otherwise.
  people(list) {
    const here = new Set(list.map((p) => p.id));
    for (const [id, tile] of this.tiles) {
      if (here.has(id)) continue;
      tile.remove();
      this.tiles.delete(id);
    }
    for (const p of list) this.tile(p.id).querySelector('.notranslate').textContent = p.name;
    this.count.dataset.avatarCount = String(list.length);
    this.count.textContent = String(list.length);
    this.grid.dataset.size = list.length > 4 ? 'many' : list.length > 1 ? 'few' : 'one';
  }

  tile(id) {
    let tile = this.tiles.get(id);
    if (tile) return tile;
    const self = id === this.self;
    tile = h('div', { class: 'tile', 'data-participant-id': id, 'data-requested-participant-id': id },
      h('div', { class: 'who' }, h('span', { class: 'notranslate', 'data-self-name': self ? 'You' : false }, '')),
      h('div', { class: 'level', 'data-audio-level': '0', jscontroller: 'ES310d' }));
    this.tiles.set(id, tile);
    this.grid.append(tile);
    return tile;
  }

  levels(levels) {
    for (const [id, level] of Object.entries(levels)) {
      const el = this.tiles.get(id)?.querySelector('[data-audio-level]');
      if (el) el.dataset.audioLevel = String(level);
    }
  }

  message(msg) {
    if (this.messages.querySelector(`[data-message-id="${CSS.escape(msg.id)}"]`)) return;
    const time = new Date(msg.sent_ms).toISOString().slice(11, 16);
    this.messages.append(h('div', { class: 'block', 'data-sender-id': msg.from, 'data-timestamp': String(msg.sent_ms) },
      h('div', { class: 'from' }, h('span', {}, msg.from === this.self ? 'You' : msg.sender), ' ', h('time', {}, time)),
      h('div', { 'data-message-id': msg.id }, msg.text)));
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
      if (this.ownVideo && e.track.kind === 'video') {
        e.receiver.transform = new RTCRtpScriptTransform(this.frames ??= new Worker('/assets/frames.js'));
      }
      this.attach(this.owners.get(e.transceiver.mid), e.track);
    });
    this.pc.addEventListener('datachannel', (e) => {
      if (e.channel.label !== 'collections') return;
      e.channel.addEventListener('message', (m) => { this.roster = JSON.parse(m.data).people; });
    });
  }

  attach(id, track) {
    if (!id) return;
    const el = h(track.kind, { autoplay: true, playsinline: true });
    el.srcObject = new MediaStream([track]);
    if (track.kind === 'video') el.muted = true;
    this.tile(id).querySelector(track.kind)?.remove();
    this.tile(id).prepend(el);
    el.play().catch(() => {}); // not before somebody has clicked
  }

  close() {
    this.pc?.close();
  }
}
