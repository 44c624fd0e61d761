(pack) => {
  // One look at the page: facts only; snapshot.go says what they mean.
  const sel = pack.selectors;
  const plain = (s) => (s || '').replace(/[‘’ʼ]/g, "'").replace(/…/g, '...').replace(/\s+/g, ' ').trim();
  const low = (s) => plain(s).toLowerCase();
  const visible = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().width > 0;
  const chat = sel.chat.join(',');
  const tiles = sel.tile.join(',');
  // What people write or call themselves must not steer the bot.
  const foreign = (e) => e.closest(chat) !== null || e.closest(tiles) !== null;
  const first = (list, root = document) => {
    for (const s of list) for (const e of root.querySelectorAll(s)) if (visible(e)) return { selector: s, element: e };
    return null;
  };
  // path is a selector that finds exactly this element, as long as the page
  // does not change.
  const path = (e) => {
    const steps = [];
    for (; e && e !== document.documentElement; e = e.parentElement) {
      steps.unshift(`${e.localName}:nth-child(${Array.prototype.indexOf.call(e.parentElement.children, e) + 1})`);
    }
    return 'html > ' + steps.join(' > ');
  };
  const buttons = (root) => [...root.querySelectorAll('button, [role="button"]')].filter((e) => visible(e) && !foreign(e));
  const named = (root, texts) => {
    const all = buttons(root);
    for (const text of texts) {
      const want = low(text);
      for (const e of all) {
        const own = [e, ...e.querySelectorAll('span')].some((x) => low(x.textContent) === want);
        if (own) return { selector: path(e), text, disabled: e.disabled === true || e.getAttribute('aria-disabled') === 'true' };
      }
    }
    return null;
  };
  const texts = () => {
    const out = [];
    const walk = document.createTreeWalker(document.body || document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, {
      acceptNode: (n) => {
        if (n.nodeType === Node.TEXT_NODE) return NodeFilter.FILTER_ACCEPT;
        if (/^(script|style|noscript|template|textarea)$/.test(n.localName) || n.matches(chat) || n.matches(tiles) || !n.checkVisibility()) return NodeFilter.FILTER_REJECT;
        return NodeFilter.FILTER_SKIP;
      },
    });
    while (walk.nextNode() && out.length < 400) {
      const s = low(walk.currentNode.data);
      if (s.length > 2) out.push(s);
    }
    return out;
  };
  const said = (list, all) => list.find((t) => all.some((s) => s.includes(t))) || '';
  const all = texts();

  const titles = [...document.querySelectorAll(sel.out_title.join(','))]
    .filter((e) => visible(e) && !foreign(e) && !e.closest(sel.dialog.join(',')))
    .map((e) => low(e.textContent)).slice(0, 20);

  const dialogs = [...document.querySelectorAll(sel.dialog.join(','))].filter((e) => visible(e) && !foreign(e));
  const choice = (wanted, answers) => {
    for (const d of dialogs) {
      const text = low(d.textContent);
      if (!wanted.some((t) => text.includes(t))) continue;
      const b = named(d, answers);
      if (b) return b;
    }
    return null;
  };

  const field = first(sel.name_field);
  const selector = (list) => first(list)?.selector || '';

  const people = [...document.querySelectorAll(tiles)].filter((e) => !e.parentElement.closest(tiles)).map((tile) => {
    const media = [];
    for (const m of tile.querySelectorAll('audio, video')) {
      for (const t of m.srcObject?.getTracks?.() || []) media.push({ id: t.id, kind: t.kind });
    }
    let name = '';
    for (const s of sel.tile_name) {
      name = plain(tile.querySelector(s)?.textContent);
      if (name) break;
    }
    return {
      id: tile.getAttribute('data-participant-id'), name, media,
      picture: tile.querySelector('img[src^="https:"]')?.src || '',
      self: sel.tile_self.some((s) => tile.querySelector(s)),
      speaking: sel.tile_speaking.some((s) => tile.querySelector(s)),
    };
  });

  const messages = [...document.querySelectorAll(sel.message.join(','))].map((e) => {
    const block = e.closest('[data-timestamp]') || e.parentElement;
    const sender = plain(block.querySelector('div span')?.textContent) || plain(block.firstElementChild?.textContent);
    return { id: e.getAttribute('data-message-id'), sender, text: e.innerText || e.textContent, sent_ms: Number(block.getAttribute('data-timestamp')) || 0 };
  });

  return {
    host: location.hostname, titles, people, messages,
    login: titles.includes(pack.login_title) && all.some((s) => s.includes(pack.login_text)) && !field,
    lobby: said(pack.lobby_texts, all),
    reconnect: said(pack.reconnect_texts, all),
    signals: Object.entries(pack.signals).filter(([, s]) => document.querySelector(s)).map(([k]) => k),
    name: field ? { selector: field.selector, value: field.element.value } : null,
    mic: selector(sel.mic_on), mic_off: selector(sel.mic_off), cam: selector(sel.cam_on),
    intro: dialogs.length > 0 ? dialogs.map((d) => named(d, pack.intro_buttons)).find((b) => b) || null : named(document, pack.intro_buttons),
    join: named(document, pack.join_buttons),
    consent: choice(pack.consent_texts, pack.consent_buttons),
    info: choice(pack.info_texts, pack.info_buttons),
    leave: selector(sel.leave),
    chat_open: selector(sel.chat_open), chat_field: selector(sel.chat_field), chat_send: selector(sel.chat_send),
  };
}
