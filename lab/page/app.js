'use strict';

const base = location.pathname.replace(/\/$/, '');
const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${base}/signal`);
let call = null;
let over = false;

const say = (msg) => socket.send(JSON.stringify(msg));

function leave() {
  if (over) return;
  say({ type: 'leave' });
  out('left');
}

function out(why) {
  over = true;
  call?.close();
  outView(why);
}

const handlers = {
  hello(msg) {
    if (msg.door === 'login') return loginView();
    prejoinView(msg.door, (name) => say({ type: 'knock', name }));
  },
  lobby() { lobbyView(leave); },
  admitted(msg) {
    call = new Call(msg.id, socket, leave);
    call.ownVideo = msg.own_video;
    show(call.view);
    if (msg.consent) call.consent();
  },
  roster(msg) { call?.people(msg.people || []); },
  levels(msg) { call?.levels(msg.levels); },
  chat(msg) { call?.message(msg.message); },
  offer(msg) { return call?.offer(msg); },
  out(msg) { out(msg.why); },
  crash(msg) { die(msg.how); },
};

// die plays the death of a page. Standing still costs no processor time: the
// page waits for an answer that never comes.
function die(how) {
  if (how === 'freeze') {
    const req = new XMLHttpRequest();
    req.open('GET', '/freeze', false);
    req.send();
    return;
  }
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
