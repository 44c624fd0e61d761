'use strict';

// The screens outside the call, with the texts and attributes of Zoom's web
// client as published.
const meetingCode = () => /[a-z]{3}-[a-z]{4}-[a-z]{3}/.exec(decodeURIComponent(location.search))?.[0] || 'none';

const outTexts = {
  denied: 'You have been removed from the waiting room',
  no_response: 'The waiting room has been closed',
  removed: 'You have been removed from this meeting by the host',
  ended: 'This meeting has been ended by host',
};

function outView(why, call) {
  if (why === 'unknown') {
    document.title = 'Error - Zoom';
    return show(h('main', { class: 'exit' }, h('h4', {}, 'This meeting link is invalid (3,001)')));
  }
  if (why === 'blocked') {
    return show(h('main', { class: 'exit' }, h(skin === 'old' ? 'h2' : 'h1', {}, 'Automated bots aren’t allowed to join this meeting or webinar and must use Zoom RTMS')));
  }
  if (!call && why !== 'denied' && why !== 'no_response') return show(h('main', { class: 'exit' }, h('h1', {}, outTexts[why] || 'You left the meeting')));
  // Over the call, which goes on behind it for a while.
  const box = h('div', { class: 'veil' }, h('div', { role: 'dialog', class: 'zm-modal' },
    h('div', { class: 'zm-modal-body-title' }, outTexts[why] || 'You left the meeting'), button('OK', () => {})));
  if (why === 'left' || why === 'cancelled') show(h('main', { class: 'exit' }));
  document.getElementById('app').append(box);
}

function loginView() {
  show(h('main', { class: 'exit' }, h('h1', {}, 'Sign in to join this meeting')));
}

function captchaView() {
  show(h('main', { class: 'exit' }, h('h1', {}, 'We detected you may be a bot'), h('p', {}, 'Tick the box to go on')));
}

function dialog(...children) {
  return h('div', { class: 'veil' }, h('div', { role: 'dialog', 'aria-modal': 'true' }, ...children));
}

function disclaimer(after) {
  const box = dialog(h('div', {}, 'This meeting is being recorded'), button('Got it', () => { box.remove(); after?.(); }, { id: 'disclaimer_agree' }));
  return box;
}

function prejoinView(msg, knock, leave) {
  if (!location.pathname.endsWith('/join')) return; // the launcher's page leads nowhere without the app
  const old = skin === 'old';
  const name = h('input', { type: 'text', id: old ? 'inputname' : 'input-for-name', autocomplete: 'off', maxlength: '64' });
  const code = old ? h('input', { type: 'password' }) : null;
  const join = h('button', { type: 'button', id: old ? 'joinBtn' : false, class: (old ? '' : 'preview-join-button ') + 'disabled' }, 'Join');
  const ready = () => join.classList.toggle('disabled', name.value.trim() === '' || (code !== null && code.value !== meetingCode()));
  const asked = () => { if (!join.classList.contains('disabled')) knock(name.value.trim()); };
  join.addEventListener('click', asked);
  for (const el of [name, code]) el?.addEventListener('input', ready);
  const device = (id, label) => {
    const el = h('button', { type: 'button', id, 'aria-label': `Mute ${label}` }, label);
    el.addEventListener('click', () => el.setAttribute('aria-label', `Unmute ${label}`));
    return el;
  };
  const view = h('main', { class: 'prejoin' },
    h('div', { class: 'preview' }, h('div', { class: 'row' }, device('preview-audio-control-button', 'audio'), device('preview-video-control-button', 'video'))),
    h('div', { class: 'side' }, h('label', {}, 'Your Name'), name, code, join, h('button', { type: 'button', class: 'leave-btn', on: leave }, 'Back')));
  const permission = (n) => {
    const box = dialog(h('div', {}, 'Do you want people to hear you in the meeting?'),
      button('Continue without microphone and camera', () => { box.remove(); if (n > 1) document.getElementById('app').append(permission(n - 1)); }));
    return box;
  };
  const cookies = h('div', { class: 'banner' }, 'We use cookies ', h('button', { type: 'button', id: 'onetrust-accept-btn-handler', on: () => cookies.remove() }, 'Accept Cookies'));
  show(view, permission(2), cookies);
}

function lobbyView(leave, door) {
  const text = door === 'host' ? 'Waiting for the host to start this meeting' : 'Please wait, the meeting host will let you in soon.';
  show(h('main', { class: 'lobby' }, h('div', { class: 'side' }, h('div', {}, text), h('button', { type: 'button', class: 'leave-btn', on: leave }, 'Leave'))));
}
