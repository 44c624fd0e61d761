'use strict';

// h makes an element: attributes, then children (elements or text). An
// attribute "on" holds the click handler.
function h(tag, attrs, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {})) {
    if (name === 'on') el.addEventListener('click', value);
    else if (value === true) el.setAttribute(name, '');
    else if (value !== false && value != null) el.setAttribute(name, value);
  }
  el.append(...children.filter((c) => c != null));
  return el;
}

// button looks as on the real page: the text is in a nested span.
function button(text, on, attrs) {
  return h('button', { type: 'button', on, ...attrs }, h('span', { class: 'label' }, text));
}

// icon is a button with a label for screen readers only.
function icon(label, sign, on, attrs) {
  return h('button', { type: 'button', class: 'icon', 'aria-label': label, on, ...attrs }, h('i', { 'aria-hidden': 'true' }, sign));
}

// toggle is a microphone or camera switch: its label says what a click does.
// changed is told whether it is muted now.
function toggle(device, off = false, changed = () => {}) {
  const el = h('div', { role: 'button', tabindex: '0', class: 'icon', 'aria-label': `Turn ${off ? 'on' : 'off'} ${device}`, 'data-is-muted': String(off) },
    h('i', { 'aria-hidden': 'true' }, device === 'microphone' ? 'mic' : 'videocam'));
  el.addEventListener('click', () => {
    const muted = el.dataset.isMuted !== 'true';
    el.dataset.isMuted = String(muted);
    el.setAttribute('aria-label', `Turn ${muted ? 'on' : 'off'} ${device}`);
    changed(muted);
  });
  return el;
}

// puzzle stands in for one that only people solve.
function puzzle() {
  return h('main', { class: 'exit' }, h('iframe', { title: 'recaptcha challenge expires in two minutes', width: '400', height: '500' }));
}

function show(...children) {
  document.getElementById('app').replaceChildren(...children);
}
