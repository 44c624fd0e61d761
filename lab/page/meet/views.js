'use strict';

const meetingCode = () => location.pathname.split('/')[2];

// The screens outside the call. Texts are those of the real page, with its
// typographic apostrophes.

const outTexts = {
  denied: ['Someone in the call denied your request to join', ''],
  no_response: ['No one responded to your request to join the call', ''],
  cancelled: ['You left the meeting', ''],
  left: ['You left the meeting', ''],
  removed: ['You’ve been removed from the meeting', ''],
  ended: ['Your host ended the meeting for everyone', ''],
  blocked: ['You can’t join this video call', 'No one can join a meeting unless invited or admitted by the host'],
  unknown: ['Check your meeting code', 'Make sure you entered the correct meeting code in the URL, for example: https://meet.google.com/xxx-yyyy-zzz'],
};

function outView(why) {
  const [title, text] = outTexts[why] || ['There is a problem connecting to this video call', ''];
  show(h('main', { class: 'exit', 'data-why': why },
    skin === 'old' ? h('div', { role: 'heading' }, title) : h('h1', { class: 'roSPhc', jsname: 'r4nke' }, title),
    text ? h('p', {}, text) : null,
    h('div', { class: 'row' },
      why === 'left' ? button('Rejoin', () => location.reload()) : null,
      button('Return to home screen', () => show(h('main', { class: 'home' }, h('h1', {}, 'Video calls and meetings for everyone')))))));
}

function loginView() {
  show(h('main', { class: 'exit' }, h('div', {}, h('h1', {}, 'Sign in'), h('p', {}, 'Use your Google Account')),
    h('input', { type: 'email', 'aria-label': 'Email or phone' }), button('Next', () => {})));
}

function dialog(title, ...children) {
  return h('div', { class: 'veil' }, h('div', { role: 'dialog', 'aria-modal': 'true', 'aria-label': title }, h('h2', {}, title), ...children));
}

// moreOptions opens and closes the menu that leads to the layouts.
function moreOptions() {
  const open = document.querySelector('[role="menu"]');
  if (open) return open.remove();
  const old = skin === 'old';
  const menu = h('ul', { role: 'menu', class: 'menu' },
    h('li', { role: 'menuitem', jsname: old ? false : 'WZerud', tabindex: '0', on: () => { menu.remove(); layouts(); } }, h('i', {}, 'dashboard'), h('span', {}, old ? 'Change layout' : 'Adjust view')));
  document.getElementById('app').append(menu);
}

function layouts() {
  const choice = (name) => h('label', {}, h('input', { type: 'radio', name: 'layout', value: name, on: () => { document.querySelector('.call').dataset.layout = name; } }), h('span', {}, name));
  const box = dialog('Adjust view', ...['Auto', 'Tiled', 'Spotlight', 'Sidebar'].map(choice), icon('Close', 'close', () => box.remove()));
  document.getElementById('app').append(box);
}

function controls(leave, more, microphone = toggle('microphone'), camera = toggle('camera')) {
  return h('div', { role: 'region', 'aria-label': 'Call controls', class: 'controls' },
    microphone, camera, ...more,
    icon('More options', 'more_vert', moreOptions, { jsname: 'NakZHc' }),
    icon('Leave call', 'call_end', leave, { jsname: 'CQylAd', class: 'icon leave' }));
}

// oldToggle is the same as a button.
function oldToggle(device) {
  const el = h('button', { type: 'button', class: 'icon', 'aria-label': `Turn off ${device}` }, device);
  el.addEventListener('click', () => el.setAttribute('aria-label', `Turn on ${device}`));
  return el;
}

function prejoinView({ door, account }, knock) {
  const device = skin === 'old' ? oldToggle : toggle;
  const name = h('input', { type: 'text', 'aria-label': 'Your name', placeholder: 'Your name', jsname: 'YPqjbf', maxlength: '60', autocomplete: 'off' });
  const ask = button(['open', 'login'].includes(door) ? 'Join now' : 'Ask to join', () => knock(account || name.value.trim()), { jsname: 'Qx7uuf', disabled: !account });
  name.addEventListener('input', () => { ask.disabled = name.value.trim() === ''; });
  const view = h('main', { class: 'prejoin' },
    h('div', { class: 'preview' }, h('p', {}, 'Camera is off'), h('div', { class: 'row' }, device('microphone'), device('camera'))),
    h('div', { class: 'side' }, h('h1', {}, account ? 'Ready to join?' : 'What’s your name?'), account ? null : name, ask,
      h('div', { class: 'row' }, button('Present', () => {}, { jsname: 'hGuqAb' }), icon('Other ways to join', 'more', () => {}))));
  const permission = dialog('Do you want people to see and hear you in the meeting?',
    button('Use microphone and camera', () => permission.remove()),
    button('Continue without microphone and camera', () => permission.remove()));
  const intro = dialog('Sign in with your Google Account',
    h('p', {}, 'To see your meetings, sign in with your account'),
    button('Got it', () => intro.replaceWith(permission)));
  show(view, account ? permission : intro);
}

function lobbyView(leave) {
  show(h('main', { class: 'lobby' },
    h('div', { class: 'preview' }, h('p', {}, 'Camera is off')),
    h('div', { class: 'side' }, h('h1', {}, 'Asking to be let in...'),
      h('p', {}, 'You’ll join the call when someone lets you in'),
      button('Return to home screen', leave)),
    controls(leave, [])));
}
