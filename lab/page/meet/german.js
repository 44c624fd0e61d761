'use strict';

// The page in German, for whoever asks for it: by the address, else by the
// browser's language.
const german = {
  'Got it': 'Ok', 'Continue without microphone and camera': 'Ohne Mikrofon und Kamera fortfahren', 'Your name': 'Mein Name',
  'Asking to be let in...': 'Bitte um Teilnahme...', 'You’ll join the call when someone lets you in': 'Du nimmst am Anruf teil, sobald dich jemand hereinlässt',
  'Return to home screen': 'Zum Startbildschirm', 'Call controls': 'Anrufsteuerung', 'Leave call': 'Anruf verlassen', People: 'Personen',
  'Chat with everyone': 'Mit allen chatten', 'Raise hand': 'Hand heben', 'Send a reaction': 'Reaktion senden', 'Present now': 'Jetzt präsentieren',
  'Meeting details': 'Besprechungsdetails', 'Meeting tools': 'Besprechungstools',
};

function translate(root) {
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) walk.currentNode.data = german[walk.currentNode.data] || walk.currentNode.data;
  for (const e of root.querySelectorAll?.('[aria-label]') || []) {
    const label = german[e.getAttribute('aria-label')];
    if (label) e.setAttribute('aria-label', label);
  }
}

if ((new URLSearchParams(location.search).get('hl') || navigator.language).startsWith('de')) {
  document.documentElement.lang = 'de';
  new MutationObserver((changes) => {
    for (const c of changes) for (const n of c.addedNodes) translate(n);
  }).observe(document.getElementById('app'), { childList: true, subtree: true });
}
