'use strict';

// ZoomCall is the screen in the call as in Zoom's web client: media do not come
// through RTCPeerConnection, the page draws and plays them by itself.
class ZoomCall extends Call {
  build(leave) {
    const old = skin === 'old';
    this.grid = h('div', { class: 'participants-list-container' });
    this.messages = h('div', { class: old ? 'chat-virtuoso-wrapper' : 'chat-container__chat-list', id: old ? 'chat-list-content' : false, 'aria-label': old ? false : 'Chat Message List' });
    this.speaker = h('span', {}, '');
    this.canvas = h('canvas', { width: '960', height: '540' });
    this.pane = h('aside', { class: 'participants' }, this.grid); // in the page only once it is open
    const editor = this.editor({ class: 'tiptap' });
    this.chat = h('aside', { class: 'chat', hidden: true }, this.messages,
      this.options.no_chat ? 'Chat disabled' : h('div', { class: 'chat-rtf-box__editor-outer' }, editor));
    const control = (label, on, attrs) => h('button', { type: 'button', 'aria-label': label, on, ...attrs }, label.split(' ')[0]);
    this.audio = control('Join Audio', () => this.flip(this.audio, 'audio', ['mute my microphone', 'unmute my microphone']));
    this.video = control('start my video', () => this.flip(this.video, 'video', ['stop my video', 'start my video']));
    this.controls = h('div', { class: 'controls' }, this.audio, this.video,
      control('open the participants list pane, [3] particpants', () => this.view.append(this.pane)),
      control('open the chat pane', () => { this.chat.hidden = this.options.dead_chat === true; }),
      ...this.captionControls(control),
      control('Leave', () => this.askLeave(leave)));
    this.askAudio();
    return h('main', { class: 'call meeting-app' },
      h('div', { class: old ? 'single-suspension-container__video-frame' : 'single-main-container__video-frame' },
        h('div', { class: 'video-avatar__avatar-footer' }, this.speaker), this.canvas),
      old ? h('div', { id: 'video-share-layout' }, document.createElement('video-player')) : null,
      this.chat, this.controls, this.prompt);
  }

  // captionControls lead to the captions: by a menu, or by a button of their own.
  captionControls(control) {
    if (this.options.no_captions) return [];
    const toggle = () => this.showCaptions(!this.captionBox?.isConnected);
    if (skin === 'old') return [control('Show Captions', toggle)];
    const more = h('div', { role: 'button', tabindex: '0', 'aria-label': 'More meeting control ' }, 'More');
    more.addEventListener('click', () => {
      if (this.menu) {
        this.menu.remove();
        this.menu = null;
        return;
      }
      this.menu = h('div', { class: 'menu' }, h('a', { href: '#', 'aria-label': 'Captions', on: (e) => { e.preventDefault(); more.click(); toggle(); } }, 'Captions'));
      this.view.append(this.menu);
    });
    return [more];
  }

  makeCaptions() { return h('div', { class: 'captions', id: 'live-transcription-subtitle' }); }

  // Whose a line is, the page shows by a picture alone.
  captionLine() {
    return h('div', { class: 'live-transcription-subtitle__box' },
      h('img', { class: 'zmu-data-selector-item__icon', alt: '' }), h('span', { class: 'live-transcription-subtitle__item' }));
  }

  captionText(el) { return el.lastElementChild; }

  captionsKept() { return 2; }

  // Lines go when nobody speaks.
  caption(line) {
    super.caption(line);
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      this.captionLines.clear();
      this.captionBox?.replaceChildren();
    }, 6000);
  }

  // Without joining the audio nothing is heard either.
  askAudio() {
    this.prompt = h('div', { class: 'join-audio' }, button('Join Audio by Computer', () => {
      this.prompt.remove();
      this.sound = new AudioContext();
      this.audio.setAttribute('aria-label', 'unmute my microphone');
      this.socket.send(JSON.stringify({ type: 'sound' }));
      this.draw();
    }));
  }

  // flip switches a device whose label says what a click does.
  flip(el, kind, [off, on]) {
    if (!this.sound) return; // the audio is not joined
    const turned = el.getAttribute('aria-label') === on;
    el.setAttribute('aria-label', turned ? off : on);
    this.give(kind, turned).catch((err) => console.error(err));
  }

  // give sends what the viewer gives as a client does that encodes by itself:
  // over the socket, a byte that says what, the time, the encoded frame.
  async give(kind, on) {
    const mine = this.own[kind];
    if (!mine.track) {
      mine.track = (await navigator.mediaDevices.getUserMedia({ [kind]: true })).getTracks()[0];
      this.encode(kind, mine);
    }
    mine.on = on;
    this.socket.send(JSON.stringify({ type: kind === 'audio' ? 'mic' : 'cam', on }));
  }

  async encode(kind, mine) {
    const output = (chunk) => {
      const packet = new Uint8Array(9 + chunk.byteLength);
      packet[0] = kind === 'audio' ? 1 : 2;
      new DataView(packet.buffer).setFloat64(1, chunk.timestamp, true);
      chunk.copyTo(packet.subarray(9));
      this.socket.send(packet);
    };
    const error = (err) => console.error(err);
    const encoder = kind === 'audio' ? new AudioEncoder({ output, error }) : new VideoEncoder({ output, error });
    const frames = new MediaStreamTrackProcessor({ track: mine.track }).readable.getReader();
    for (;;) {
      const { value: frame, done } = await frames.read();
      if (done) return;
      if (encoder.state === 'unconfigured') {
        encoder.configure(kind === 'audio' ? { codec: 'opus', sampleRate: 48000, numberOfChannels: 1, bitrate: 32000 }
          : { codec: 'vp8', width: frame.codedWidth, height: frame.codedHeight, bitrate: 1_000_000 });
      }
      if (mine.on) encoder.encode(frame, kind === 'audio' ? undefined : { keyFrame: true });
      frame.close();
    }
  }

  askLeave(leave) {
    this.controls.append(h('div', { class: 'leave-meeting-options' },
      h('button', { type: 'button', class: 'leave-meeting-options__btn leave-meeting-options__btn--danger', on: leave }, 'Leave Meeting')));
  }

  consent() { this.view.append(disclaimer()); }

  makeTile() { return h('div', { class: 'participants-li' }, h('span', { class: 'participants-item__display-name' }, '')); }

  nameTile(tile, p) {
    tile.firstElementChild.textContent = p.id === this.self ? `${p.name} (Me)` : p.name;
    tile.dataset.name = p.name;
  }

  level(tile, level) { if (level > 0) this.speaker.textContent = tile.dataset.name; else if (this.speaker.textContent === tile.dataset.name) this.speaker.textContent = ''; }

  line(msg) {
    return h('div', { class: 'new-chat-message__container', id: skin === 'old' ? false : `chat-message-${msg.id}` },
      h('div', { class: 'from' }, h('span', { class: 'chat-message-text__user-name' }, msg.from === this.self ? 'You' : msg.sender), ' ', h('time', {}, clock(msg))),
      h('div', { class: 'chat-message-text-content' }, msg.text));
  }

  // heard plays what somebody says, in time: it knows how long the browser holds
  // sound back.
  async heard(msg) {
    if (!this.sound) return;
    const data = await (await fetch(`/clips/${msg.clip}`)).arrayBuffer();
    const player = this.sound.createBufferSource();
    player.buffer = await this.sound.decodeAudioData(data);
    player.connect(this.sound.destination);
    let heard = this.sound.getOutputTimestamp();
    for (; !heard.performanceTime; heard = this.sound.getOutputTimestamp()) await new Promise((done) => setTimeout(done, 20)); // it has just begun
    const when = heard.contextTime + (msg.at_ms - performance.timeOrigin - heard.performanceTime) / 1000;
    const late = Math.max(0, this.sound.currentTime - when);
    player.start(when + late, late);
  }

  // picture draws what the camera of whoever spoke last shows.
  picture(msg) {
    if (!this.sound || !this.decoder && !msg.key) return;
    if (!this.decoder) {
      const pen = this.canvas.getContext('2d');
      this.decoder = new VideoDecoder({
        output: (frame) => { pen.drawImage(frame, 0, 0, 960, 540); frame.close(); },
        error: (err) => { console.error(err); this.decoder = null; },
      });
      this.decoder.configure({ codec: 'vp8', optimizeForLatency: true });
    }
    this.decoder.decode(new EncodedVideoChunk({
      type: msg.key ? 'key' : 'delta', timestamp: performance.now() * 1000,
      data: Uint8Array.from(atob(msg.frame), (c) => c.charCodeAt(0)),
    }));
  }

  // draw shows a name and the time as long as nobody has a camera.
  draw() {
    const pen = this.canvas.getContext('2d');
    const tick = () => {
      if (!this.sound || this.decoder) return;
      pen.fillStyle = '#233';
      pen.fillRect(0, 0, 960, 540);
      pen.fillStyle = '#fff';
      pen.font = '48px sans-serif';
      pen.fillText(this.speaker.textContent || '…', 60, 260);
      pen.fillText(new Date().toISOString().slice(11, 21), 60, 340);
      setTimeout(tick, 100);
    };
    tick();
  }

  close() {
    this.sound?.close();
    this.sound = null;
  }
}

const CallView = ZoomCall;
