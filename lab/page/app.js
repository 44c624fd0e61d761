'use strict';

const base = `/meet/${meetingCode()}`;
const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${base}/signal`);
let call = null;
let over = false;
let skin = ''; // an older look of the page, for packs that know both

const say = (msg) => socket.send(JSON.stringify(msg));

function leave() {
  if (over) return;
  say({ type: 'leave' });
  out('left');
}

function out(why) {
  over = true;
  call?.close();
  outView(why, call);
}

const handlers = {
  hello(msg) {
    skin = msg.skin || '';
    if (msg.door === 'login' && !msg.account) return loginView();
    if (msg.door === 'captcha') return skin !== 'old' && window.captchaView ? captchaView() : show(puzzle());
    if (msg.door === 'strange') return strangeView();
    prejoinView(msg, (name) => say({ type: 'knock', name }), leave);
  },
  lobby(msg) {
    if (msg.door === 'hang') return show(h('main', { class: 'exit' }, h('p', {}, 'One moment')));
    lobbyView(leave, msg.door);
  },
  admitted(msg) {
    call = new CallView(msg, socket, leave);
    show(call.view);
    if (msg.consent) call.consent();
  },
  roster(msg) { call?.people(msg.people || []); },
  levels(msg) { call?.levels(msg.levels || {}); },
  chat(msg) { call?.message(msg.message); },
  carry(msg) { call?.carry(msg.tracks); },
  caption(msg) { call?.caption(msg.caption); },
  offer(msg) { return call?.offer(msg); },
  say(msg) { call?.heard?.(msg); },
  picture(msg) { call?.picture?.(msg); },
  trouble(msg) { show(msg.on ? h('div', { class: 'banner' }, 'Trying to reconnect') : call.view); },
  strange() { strangeView(); },
  toast(msg) { call.view.append(h('div', { role: 'alert', class: 'toast' }, msg.text)); },
  popup(msg) {
    const box = dialog(msg.text, button('Got it', () => box.remove()));
    call.view.append(box);
  },
  out(msg) { out(msg.why); },
  crash(msg) { die(msg.how); },
};

// strangeView is a page that no pack knows.
function strangeView() {
  show(h('main', { class: 'exit' }, h('h1', {}, 'We are making things better'), h('p', {}, 'Come back another time')));
}

// die plays the death of a page. Standing still ('freeze') costs no processor
// time: the page waits for an answer that never comes.
function die(how) {
  if (how === 'freeze') {
    const req = new XMLHttpRequest();
    req.open('GET', '/freeze', false);
    req.send();
    return;
  }
  if (how === 'busy') for (;;);
  const hoard = [];
  for (;;) hoard.push(new Array(1 << 20).fill(hoard.length + 0.5));
}

// Messages are handled one after the other, also when one takes its time.
let queue = Promise.resolve();
socket.addEventListener('message', (e) => {
  const msg = JSON.parse(e.data);
  queue = queue.then(() => over || handlers[msg.type]?.(msg)).catch((err) => console.error(err));
});
socket.addEventListener('close', () => {
  if (over || !call) return;
  call.view.prepend(h('div', { class: 'banner' }, 'You lost your network connection. Trying to reconnect.'));
});
