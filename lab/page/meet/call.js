'use strict';

// MeetCall is the screen in the call as on Google Meet.
class MeetCall extends Call {
  build(leave) {
    this.grid = h('div', { class: 'grid', jsname: 'E2KThb' });
    this.count = h('div', { 'data-avatar-count': '0', class: 'count' }, '');
    this.messages = h('div', { class: 'messages', 'aria-live': 'polite' });
    this.chat = this.chatPanel();
    const old = skin === 'old';
    return h('main', { class: 'call' }, this.grid, this.chat,
      controls(leave, [this.captionSwitch(), icon(old ? 'Share screen' : 'Present now', 'present'), icon('Send a reaction', 'mood'), icon('Raise hand', 'back_hand')],
        ...[['microphone', 'audio'], ['camera', 'video']].map(([name, kind]) => this.device(kind, (turn) => toggle(name, true, (off) => turn(!off))))),
      h('nav', { class: 'tools' }, this.count,
        icon('Meeting details', 'info', () => {}, { 'data-panel-id': '5' }),
        icon(old ? 'Show everyone' : 'People', 'people', () => {}, { 'data-panel-id': '1' }),
        icon('Chat with everyone', 'chat', () => { this.chat.hidden = this.options.dead_chat || !this.chat.hidden; }, { 'data-panel-id': '2' }),
        icon('Meeting tools', 'apps', () => {}, { 'data-panel-id': '10' })));
  }

  chatPanel() {
    const label = skin === 'old' ? ['Send a message to everyone', 'Send a message'] : ['Send a message', 'Send a message to everyone'];
    const text = h('textarea', { 'aria-label': label[0], maxlength: '500', rows: '2' });
    const send = h('button', { type: 'button', 'aria-label': label[1], disabled: true },
      h('i', { 'aria-hidden': 'true' }, 'send'));
    text.addEventListener('input', () => { send.disabled = text.value.trim() === ''; });
    send.addEventListener('click', () => {
      this.say(text.value);
      text.value = '';
      send.disabled = true;
    });
    return h('aside', { 'aria-label': 'Side panel', hidden: true },
      h('h2', {}, 'In-call messages'), this.messages, h('div', { class: 'row' }, text, send));
  }

  // captionSwitch says what a click does; a meeting without captions has none.
  captionSwitch() {
    if (this.options.no_captions) return null;
    const el = icon('Turn on captions', 'closed_caption', () => {
      const on = el.getAttribute('aria-label') === 'Turn on captions';
      el.setAttribute('aria-label', `Turn ${on ? 'off' : 'on'} captions`);
      this.showCaptions(on);
    });
    return el;
  }

  makeCaptions() { return h('div', { class: 'captions', role: 'region', 'aria-label': 'Captions', tabindex: '0' }); }

  captionLine(line) {
    const old = skin === 'old';
    return h('div', { class: old ? 'TBMuR bj4p3b' : 'nMcdL bj4p3b' },
      h('div', {}, h('span', { class: old ? 'zs7s8d' : 'NWpY1d' }, line.from === this.self ? 'You' : line.name)),
      h('div', { class: old ? 'bh44bd' : 'ygicle VbkSUe' }));
  }

  captionText(el) { return el.lastElementChild; }

  consent() {
    const box = dialog('This video call is being recorded',
      h('p', {}, 'By joining, you consent to being recorded'),
      button('Leave', () => this.socket.send(JSON.stringify({ type: 'declined' }))),
      button('Join now', () => box.remove(), { 'data-mdc-dialog-action': 'ok' }));
    this.view.append(box);
  }

  makeTile(p, self) {
    const name = { class: skin === 'old' ? ['zWGUib', 'cS7aqe N2K3jd', 'XWGOtd'][this.tiles.size % 3] : 'notranslate', 'data-self-name': self ? 'You' : false };
    return h('div', { class: 'tile', 'data-participant-id': p.id, 'data-requested-participant-id': p.id },
      h('div', { class: 'who' }, h('span', name, '')),
      h('div', { class: 'level', 'data-audio-level': '0', jscontroller: 'ES310d' }));
  }

  nameTile(tile, p) { tile.querySelector('.who span').textContent = p.name; }

  counted(n) {
    this.count.dataset.avatarCount = String(n);
    this.count.textContent = String(n);
  }

  level(tile, level) { tile.querySelector('[data-audio-level]').dataset.audioLevel = String(level); }

  line(msg) {
    return h('div', { class: 'block', 'data-sender-id': msg.from, 'data-timestamp': String(msg.sent_ms) },
      h('div', { class: 'from' }, h('span', {}, msg.from === this.self ? 'You' : msg.sender), ' ', h('time', {}, clock(msg))),
      h('div', { 'data-message-id': msg.id }, msg.text));
  }
}

const CallView = MeetCall;
