'use strict';

// The screens outside the call, with the texts and attributes of Microsoft
// Teams as published. Every form of its links leads here; the code is in the
// thread, the path, or the passcode: a short link that lost its passcode goes
// no further than the loading screen, as on the real page.
const meetingCode = () => /[a-z]{3}-[a-z]{4}-[a-z]{3}/.exec(decodeURIComponent(location.pathname + location.search))?.[0] || 'none';

const outTexts = {
  denied: 'Sorry, but you were denied access to the meeting.',
  no_response: 'Your request to join was declined',
  removed: 'You’ve been removed from this meeting',
  ended: 'Meeting ended',
  blocked: 'Sorry, we couldn’t connect you',
  unknown: 'Looks like the meeting URL is incorrect',
};

function outView(why) {
  if (why === 'unknown' && meetingCode() === 'none') return show(h('div', { id: 'loading-screen' }));
  show(h('main', { class: 'exit', 'data-why': why },
    h(skin === 'old' ? 'div' : 'h1', { role: 'heading' }, outTexts[why] || 'You left the meeting'),
    button('Dismiss', () => {}, { 'data-tid': 'calling-retry-cancelbutton' })));
}

function loginView() {
  if (skin === 'old') return show(h('main', { class: 'exit' }, h('h1', {}, 'Sign in'), h('input', { type: 'email', name: 'loginfmt' }), button('Next', () => {})));
  show(h('main', { class: 'exit' }, h('h1', {}, 'We need to verify your info before you can join'), button('Sign in', () => {})));
}

function captchaView() {
  show(h('main', { class: 'exit' }, h('h1', {}, 'Verify you’re a real person'), h('input', { type: 'text', 'aria-label': 'Enter the characters you see' })));
}

function dialog(title, ...children) {
  return h('div', { class: 'veil' }, h('div', { role: 'dialog', 'aria-modal': 'true', 'aria-label': title }, h('h2', {}, title), ...children));
}

function deviceSwitch(tid, label) {
  const el = h('div', { role: 'switch', tabindex: '0', class: 'icon', 'data-tid': tid, 'aria-label': label, 'aria-checked': 'true' }, label);
  el.addEventListener('click', () => el.setAttribute('aria-checked', String(el.getAttribute('aria-checked') !== 'true')));
  return el;
}

function prejoinView(msg, knock, leave) {
  const old = skin === 'old';
  const name = h('input', { type: 'text', placeholder: 'Type your name', 'data-tid': old ? false : 'prejoin-display-name-input', maxlength: '60', autocomplete: 'off' });
  const join = button('Join now', () => knock(msg.account || name.value.trim()), { 'data-tid': 'prejoin-join-button', disabled: !msg.account });
  name.addEventListener('input', () => { join.disabled = name.value.trim() === ''; });
  const view = h('main', { class: 'prejoin' },
    h('div', { class: 'preview' }, h('p', {}, 'Your camera is turned off'),
      h('div', { class: 'row' }, deviceSwitch('toggle-video', 'Camera'), deviceSwitch('toggle-mute', 'Microphone'))),
    h('div', { class: 'side' }, h('h1', {}, msg.account || 'Enter your name'), msg.account ? null : name, join, button('Cancel', leave, { 'data-tid': 'prejoin-cancel-button' })));
  const devices = dialog('Are you sure you don’t want audio or video?',
    button('Continue without audio or video', () => devices.remove()));
  show(h('main', { class: 'exit' }, h('h1', {}, 'How do you want to join your Teams meeting?'),
    button('Continue on this browser', () => show(view, devices)), button('Join on the Teams app', () => {})));
}

function lobbyView(leave) {
  show(h('main', { class: 'lobby' },
    h('div', { class: 'side' }, h('h1', {}, 'Hi there! Someone will let you in soon.'),
      button('Leave', leave, { 'data-tid': 'prejoin-cancel-button' }))));
}
