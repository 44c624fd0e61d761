'use strict';

// flip is a switch whose title says what a click does: to switch off, or on.
function flip(titles, changed) {
  const name = skin === 'old' ? 'aria-label' : 'title';
  const el = h('button', { type: 'button', [name]: titles[1] }, h('i', {}, '•'));
  let on = false;
  el.addEventListener('click', () => {
    on = !on;
    el.setAttribute(name, titles[on ? 0 : 1]);
    changed(on);
  });
  return el;
}

// TeamsCall is the screen in the call as in Microsoft Teams.
class TeamsCall extends Call {
  build(leave) {
    const old = skin === 'old';
    this.grid = h('div', { class: 'grid' });
    this.messages = h('div', { class: 'messages', 'data-tid': 'chat-pane-list' });
    this.rail = h('aside', { hidden: true });
    const control = (id, tid, label, on) => h('button', { type: 'button', id: old && tid ? false : id, 'data-tid': tid, 'aria-label': label, on }, label);
    return h('main', { class: 'call' }, this.grid, this.rail,
      h('div', { class: 'controls', role: 'toolbar' },
        this.device('audio', (turn) => flip(['Mute mic', 'Unmute mic'], turn)), this.device('video', (turn) => flip(['Turn camera off', 'Turn camera on'], turn)),
        control('chat-button', 'chat-button', 'Chat', () => { if (!this.options.dead_chat) this.panel(this.chat()); }),
        control('roster-button', 'roster-button', 'People', () => this.panel(this.attendees())),
        control('raisehands-button', false, 'Raise', () => {}),
        control('reaction-menu-button', false, 'React', () => {}),
        control(old ? 'custom-view-button' : 'view-mode-button', false, 'View', () => this.views()),
        control('callingButtons-showMoreBtn', false, 'More', () => this.more()),
        control('hangup-button', 'hangup-main-btn', 'Leave', leave)));
  }

  // views opens and closes the menu of views.
  views() {
    const open = this.view.querySelector('.views');
    if (open) return open.remove();
    const names = skin === 'old' ? [['SpeakerView-button', 'Speaker'], ['MixedGrid-button', 'Gallery'], ['MixedGridView-button', 'Large gallery']]
      : [['custom-view-button-SpeakerViewButton', 'Speaker'], ['custom-view-button-MixedGridButton', 'Gallery']];
    const menu = h('div', { role: 'menu', class: 'menu views' }, ...names.map(([id, name]) => h('div', { role: 'menuitem', tabindex: '0', id, on: () => { this.view.dataset.layout = name; menu.remove(); } }, name)));
    this.view.append(menu);
  }

  // more opens and closes the menu; captions are two steps down in it.
  more() {
    if (this.menu) {
      this.menu.remove();
      this.menu = null;
      return;
    }
    const item = (id, text, on) => h('div', { role: 'menuitem', tabindex: '0', id, on }, text);
    const captions = this.options.no_captions ? item('transcript-button', 'Show transcript', () => {})
      : item('closed-captions-button', `${this.captionBox?.isConnected ? 'Hide' : 'Show'} live captions`, () => {
        this.more();
        this.showCaptions(!this.captionBox?.isConnected);
      });
    this.menu = h('div', { role: 'menu', class: 'menu' }, item('recording-button', 'Record and transcribe', () => {}),
      item('LanguageSpeechMenuControl-id', 'Language and speech', () => { this.menu.append(captions); }));
    this.view.append(this.menu);
  }

  makeCaptions() {
    return h('div', { class: 'captions', 'data-tid': skin === 'old' ? false : 'closed-caption-renderer-wrapper' },
      h('div', { 'data-tid': 'closed-caption-v2-virtual-list-content' }));
  }

  captionList() { return this.captionBox.firstElementChild; }

  captionLine(line) {
    const message = h('div', { class: 'fui-ChatMessageCompact' }, h('span', { 'data-tid': 'author' }, line.name), h('span', { 'data-tid': 'closed-caption-text' }));
    return skin === 'old' ? h('div', { 'data-tid': 'closed-captions-v2-items-renderer' }, ...message.children) : message;
  }

  captionText(el) { return el.querySelector('[data-tid="closed-caption-text"]'); }

  captionsKept() { return 6; }

  // panel shows one thing at a time at the side.
  panel(content) {
    this.rail.hidden = false;
    this.rail.replaceChildren(h('button', { type: 'button', 'data-tid': 'rail-header-close-button', on: () => { this.rail.hidden = true; } }, 'Close'), content);
  }

  chat() {
    const attrs = skin === 'old' ? { 'aria-label': 'Type a message', role: 'textbox' } : { 'data-tid': 'ckeditor', role: 'textbox' };
    const field = this.options.no_chat
      ? h('div', { 'data-tid': 'compose-disabled-placeholder-text' }, 'Only people in the organization can send messages')
      : this.editor(attrs);
    return h('div', {}, h('h2', {}, 'Meeting chat'), this.messages, field);
  }

  attendees() {
    return h('div', {}, h('h2', {}, 'Participants'), h('div', { role: 'tree', 'aria-label': 'Attendees' },
      ...(this.list || []).map((p) => h('div', { role: 'treeitem', 'data-cid': 'roster-participant', 'data-tid': 'roster-participant', 'aria-label': p.name }, p.name))));
  }

  consent() {
    const box = dialog('This meeting is being recorded', h('p', {}, 'By joining, you are giving consent'), button('OK', () => box.remove()));
    this.view.append(box);
  }

  makeTile() {
    return h('div', { class: 'tile', 'data-cid': 'calling-participant-stream', 'data-stream-type': 'Video' },
      h('div', { class: 'level', 'data-tid': 'voice-level-stream-outline', 'data-audio-level': '0' }));
  }

  nameTile(tile, p) {
    tile.dataset.tid = p.name;
    if (skin === 'old') return; // named by its attribute alone
    tile.querySelector('.who')?.remove();
    // The badge is not part of the name.
    const badge = this.options.id === p.id || !(p.audio || p.video) ? ' (Unverified)' : '';
    tile.append(h('div', { class: 'who', 'data-tid': 'participant-info-nametag' }, p.name + badge));
  }

  level(tile, level) {
    const outline = tile.querySelector('[data-tid="voice-level-stream-outline"]');
    outline.classList.toggle('vdi-frame-occlusion', level > 0);
    outline.dataset.audioLevel = String(level);
  }

  line(msg) {
    return h('div', { 'data-tid': 'chat-pane-message', 'data-mid': msg.id },
      h('div', { class: 'from' }, h('span', { 'data-tid': 'message-author-name' }, msg.sender), ' ', h('time', {}, clock(msg))),
      h('div', { 'data-tid': 'messageBodyContent' }, msg.text));
  }
}

const CallView = TeamsCall;
