(pack) => {
  // One look at the page: facts only; snapshot.go says what they mean.
  const sel = pack.selectors, attr = pack.attributes, words = pack.texts;
  const plain = (s) => (s || '').replace(/[‘’ʼ]/g, "'").replace(/…/g, '...').replace(/\s+/g, ' ').trim();
  const low = (s) => plain(s).toLowerCase();
  const visible = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().width > 0;
  // A selector that this browser does not take finds nothing.
  const all = (list, root = document) => list.flatMap((s) => { try { return [...root.querySelectorAll(s)]; } catch { return []; } });
  const within = (e, list) => list.some((s) => { try { return e.closest(s) !== null; } catch { return false; } });
  const is = (e, list) => list.some((s) => { try { return e.matches(s); } catch { return false; } });
  // What people write or call themselves must not steer the bot.
  const people = [...sel.chat, ...sel.tile, ...sel.speaker_name, ...sel.captions];
  const foreign = (e) => within(e, people);
  const first = (list, root = document) => {
    for (const s of list) for (const e of all([s], root)) if (visible(e)) return { selector: s, element: e };
    return null;
  };
  const selector = (list) => first(list)?.selector || '';
  // path is a selector that finds exactly this element, as long as the page
  // does not change.
  const path = (e) => {
    const steps = [];
    for (; e && e !== document.documentElement; e = e.parentElement) {
      steps.unshift(`${e.localName}:nth-child(${Array.prototype.indexOf.call(e.parentElement.children, e) + 1})`);
    }
    return 'html > ' + steps.join(' > ');
  };
  const disabled = (e) => e.disabled === true || e.getAttribute('aria-disabled') === 'true' || e.classList.contains('disabled');
  const button = (e, text) => ({ selector: path(e), text, disabled: disabled(e) });
  const named = (root, texts, kinds = 'button, [role="button"]') => {
    const list = [...root.querySelectorAll(kinds)].filter((e) => visible(e) && !foreign(e));
    for (const text of texts) {
      const want = low(text);
      for (const e of list) if ([e, ...e.querySelectorAll('span')].some((x) => low(x.textContent) === want)) return button(e, text);
    }
    return null;
  };
  const found = (list) => {
    const f = first(list);
    return f && !foreign(f.element) ? button(f.element, f.selector) : null;
  };
  const texts = () => {
    const out = [];
    const walk = document.createTreeWalker(document.body || document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, {
      acceptNode: (n) => {
        if (n.nodeType === Node.TEXT_NODE) return NodeFilter.FILTER_ACCEPT;
        if (/^(script|style|noscript|template|textarea)$/.test(n.localName) || is(n, people) || !n.checkVisibility()) return NodeFilter.FILTER_REJECT;
        return NodeFilter.FILTER_SKIP;
      },
    });
    while (walk.nextNode() && out.length < 400) {
      const s = low(walk.currentNode.data);
      if (s.length > 2) out.push(s);
    }
    return out;
  };
  const spoken = texts();
  const said = (list) => list.find((t) => spoken.some((s) => s.includes(t))) || '';
  const headings = (list, dialogs) => all(list)
    .filter((e) => visible(e) && !foreign(e) && within(e, sel.dialog) === dialogs)
    .map((e) => low(e.textContent)).slice(0, 20);
  const titles = headings(sel.out_title, false);

  const dialogs = all(sel.dialog).filter((e) => visible(e) && !foreign(e));
  const answer = (d) => {
    if (first(d.unless)) return null;
    let b = null;
    if (d.text.length > 0) {
      for (const box of dialogs) {
        const text = low(box.textContent);
        if (d.text.some((t) => text.includes(t))) b ||= named(box, d.press);
      }
    } else {
      for (const box of dialogs.length > 0 ? dialogs : [document]) b ||= named(box, d.press);
    }
    b ||= found(d.click);
    return b && !b.disabled ? { ...b, name: d.name, when: d.when } : null;
  };

  const attribute = (e, names) => names.map((n) => e?.getAttribute(n)).find(Boolean) || '';
  // A name without what the page writes behind it; own: it is the viewer's.
  const bare = (text) => {
    let name = plain(text), own = false;
    for (let cut = true; cut;) {
      cut = false;
      for (const m of [...words.name_marks, ...words.self].filter((x) => x.startsWith('('))) {
        if (name.length > m.length && low(name).endsWith(low(m))) {
          own ||= words.self.includes(m);
          name = name.slice(0, -m.length).trim();
          cut = true;
        }
      }
    }
    return { name, own };
  };
  const numbered = (s, times) => {
    const n = (times.get(s) || 0) + 1;
    times.set(s, n);
    return n === 1 ? s : `${s}#${n}`;
  };
  const tileElements = () => all(sel.tile).filter((e, i, list) => list.indexOf(e) === i && !within(e.parentElement, sel.tile));
  const identify = (elements) => {
    const times = new Map();
    return elements.map((tile) => {
      let who = { name: '', own: false };
      for (const s of sel.tile_name) {
        who = bare(all([s], tile)[0]?.textContent);
        if (who.name) break;
      }
      if (!who.name) who = bare(attribute(tile, attr.tile_name));
      let id = attribute(tile, attr.tile_id);
      if (!id && who.name) id = numbered(who.name, times); // the page tells people of one name apart by nothing but their order
      return { id, name: who.name, own: who.own };
    });
  };
  const speaker = () => plain(first(sel.speaker_name)?.element.textContent);
  const speaks = (tile) => sel.tile_speaking.some((s) => all([s], tile).length > 0);
  const elements = tileElements();
  const tiles = identify(elements).map(({ id, name, own }, i) => {
    const tile = elements[i], media = [];
    for (const m of tile.querySelectorAll('audio, video')) {
      for (const t of m.srcObject?.getTracks?.() || []) media.push({ id: t.id, kind: t.kind });
    }
    return {
      id, name, media,
      picture: tile.querySelector('img[src^="https:"]')?.src || '',
      self: own || sel.tile_self.some((s) => all([s], tile).length > 0),
      speaking: speaks(tile),
    };
  });
  // From the first look on, who speaks is seen ten times a second.
  const ear = window[Symbol.for('steno.ear')] ??= (() => {
    const ear = { turns: [], on: new Set() };
    if (sel.tile_speaking.length + sel.speaker_name.length > 0) setInterval(() => {
      const list = tileElements(), at = Date.now(), name = speaker();
      const on = new Set(name || list.some(speaks) ? identify(list).filter((t, i) => speaks(list[i]) || name && t.name === name).map((t) => t.id) : []);
      for (const id of on) if (!ear.on.has(id)) ear.turns.push({ id, on: true, at });
      for (const id of ear.on) if (!on.has(id)) ear.turns.push({ id, on: false, at });
      ear.on = on;
      ear.turns.splice(0, ear.turns.length - 500);
    }, 100);
    return ear;
  })();

  const repeated = new Map();
  const messages = all(sel.message).filter((e, i, list) => list.indexOf(e) === i).map((e) => {
    const block = sel.message_block.map((s) => e.closest(s)).find(Boolean) || e.parentElement;
    const sender = bare(all(sel.message_sender, block).map((x) => x.textContent).find((x) => plain(x)) || block.firstElementChild?.textContent).name;
    const body = all(sel.message_text, e)[0] || e;
    const text = body.innerText || body.textContent;
    return { id: attribute(e, attr.message_id) || numbered(`${sender}: ${text}`, repeated), sender, text, sent_ms: Number(attribute(block, attr.message_time)) || 0 };
  });

  const bareText = (e) => (e?.textContent || '').replace(/\s+/g, ' ').trim();
  const box = first(sel.captions)?.element;
  const captions = !box ? [] : all(sel.caption_line, box).map((e) => {
    const who = bare(all(sel.caption_name, e)[0]?.textContent);
    return { name: who.name, own: who.own, text: bareText(sel.caption_text.length > 0 ? all(sel.caption_text, e)[0] : e), language: e.closest('[lang]:not(html)')?.lang || '' };
  });

  const field = (list) => {
    const f = first(list);
    return f ? { selector: f.selector, value: f.element.value } : null;
  };
  const name = field(sel.name_field);
  return {
    host: location.hostname, titles, modals: headings(sel.out_modal, true).concat(headings(sel.out_modal, false)), people: tiles, turns: ear.turns.splice(0), channels: window[Symbol.for('steno.channels')]?.splice(0) || [], messages,
    login: (titles.some((t) => words.login_title.includes(t)) && said(words.login) !== '' && !name) || first(sel.login_field) !== null,
    captcha: selector(sel.captcha), lobby: said(words.lobby), lobby_mark: selector(sel.lobby), host_absent: said(words.host_absent), reconnect: said(words.reconnect),
    signals: Object.entries(pack.signals).filter(([, s]) => all([s]).length > 0).map(([k]) => k),
    speaker: speaker(),
    name, passcode: field(sel.passcode_field), mic: selector(sel.mic_on), mic_off: selector(sel.mic_off), cam: selector(sel.cam_on), cam_off: selector(sel.cam_off),
    join: named(document, words.join) || found(sel.join_button),
    layout: pack.layout && (named(document, pack.layout.press, 'button, [role="button"], [role^="menuitem"], [role="radio"], li, label') || found(pack.layout.click)),
    answers: pack.dialogs.map(answer).filter(Boolean),
    captions, captions_shown: Boolean(box), captions_on: selector(sel.captions_on),
    leave: selector(sel.leave), leave_confirm: selector(sel.leave_confirm), people_open: selector(sel.people_open),
    chat_open: selector(sel.chat_open), chat_field: selector(sel.chat_field), chat_send: selector(sel.chat_send), chat_disabled: selector(sel.chat_disabled),
  };
}
