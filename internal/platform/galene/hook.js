// Runs in the page before Galène's own scripts: keeps what the server says and
// the page does not, as documented in galene-protocol.md. Read by look.js.
(() => {
  const seen = { joined: null, failed: null, kicked: null, error: null, closed: null, chat: [] };
  Object.defineProperty(window, '__galene', { value: seen });
  const take = (m) => {
    if (m.type === 'joined') {
      if (m.kind === 'join') { seen.joined = m.group; seen.failed = null; seen.closed = null; }
      if (m.kind === 'fail') seen.failed = { error: m.error || '', text: String(m.value || '') };
      if (m.kind === 'redirect') seen.failed = { error: 'redirect', text: String(m.value || '') };
    } else if (m.type === 'usermessage' && m.privileged) {
      if (m.kind === 'kicked') seen.kicked = { by: m.username || '', text: String(m.value || '') };
      if (m.kind === 'error') seen.error = String(m.value || '');
    } else if ((m.type === 'chat' || m.type === 'chathistory') && !m.dest && m.kind !== 'caption') {
      seen.chat.push({
        id: m.id || '', source: m.source || '', name: m.username || '', text: String(m.value),
        time: m.time ? new Date(m.time).getTime() : Date.now(), old: m.type === 'chathistory',
      });
    }
  };
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', (e) => {
        if (typeof e.data !== 'string') return;
        try { take(JSON.parse(e.data)); } catch { /* not one of its messages */ }
      });
      this.addEventListener('close', (e) => { seen.closed = { code: e.code, reason: e.reason }; });
    }
  };
  if (STENO_AUDIO_ONLY) {
    try { sessionStorage.setItem('settings', JSON.stringify({ request: 'audio' })); } catch { /* the engine refuses video anyway */ }
  }
})();
