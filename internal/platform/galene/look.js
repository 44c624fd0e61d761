// An expression: what the page shows now. Argument: the number of chat
// messages that were reported before.
((reported) => {
  const seen = window.__galene || { chat: [] };
  const sc = typeof serverConnection === 'undefined' ? null : serverConnection;
  const open = !!(sc && sc.socket && sc.socket.readyState === WebSocket.OPEN && sc.group);
  const login = document.getElementById('login-container');
  const users = [], tracks = [];
  if (open) {
    for (const [id, u] of Object.entries(sc.users)) {
      users.push({ id, name: u.username || '', self: id === sc.id, system: (u.permissions || []).includes('system') });
    }
    for (const [id, c] of Object.entries(sc.down)) {
      const screen = c.label === 'screenshare';
      for (const t of c.stream ? c.stream.getTracks() : []) tracks.push({ media: t.id, person: c.source, screen });
      // Small tiles would ask for the low layer; what is recorded is composed anew.
      try { if (!c.userdata.requested || c.userdata.requested.force !== false) forceDownRate(id, true, false); } catch { /* no such control in this version */ }
    }
  }
  return {
    form: !!document.getElementById('loginform'),
    login: !!login && !login.classList.contains('invisible'),
    title: document.title,
    open, users, tracks,
    joined: seen.joined ?? null, failed: seen.failed ?? null, kicked: seen.kicked ?? null,
    error: seen.error ?? null, closed: seen.closed ?? null,
    chat: seen.chat.slice(reported), chatCount: seen.chat.length,
  };
})
