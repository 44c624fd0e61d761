/* Keeps WebRTC to permitted addresses: servers (iceServers) and candidates of
the other side at others are left out, as if they had not been told. The names
of servers stay: the browser cannot look them up. config: {refused, public6,
allowed}, networks as "10.0.0.0/8". */
(config) => {
  'use strict';
  const Native = window.RTCPeerConnection;
  if (!Native) return;

  // ---- addresses ----
  // An address as an array of its bytes; null if it is none. The URL parser
  // reads every spelling that some resolver reads.
  function bytes(text) {
    let host;
    try {
      host = new URL('http://' + (text.includes(':') ? `[${text}]` : text)).hostname;
    } catch { return null; }
    if (/^[\d.]+$/.test(host)) return host.split('.').map(Number);
    if (!host.startsWith('[')) return null;
    const [head, tail] = host.slice(1, -1).split('::').map(part => part ? part.split(':') : []);
    const groups = tail ? [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail] : head;
    const all = groups.flatMap(g => { const n = parseInt(g, 16); return [n >> 8, n & 255]; });
    const mapped = all.slice(0, 10).every(b => b === 0) && all[10] === 255 && all[11] === 255;
    return mapped ? all.slice(12) : all;
  }
  function network(text) {
    const [address, bits] = text.split('/');
    return {bytes: bytes(address), bits: Number(bits)};
  }
  function within(address, net) {
    if (address.length !== net.bytes.length) return false;
    for (let i = 0; i * 8 < net.bits; i++) {
      const mask = (0xff00 >> Math.min(8, net.bits - i * 8)) & 255;
      if ((address[i] & mask) !== (net.bytes[i] & mask)) return false;
    }
    return true;
  }
  const refused = config.refused.map(network), allowed = (config.allowed ?? []).map(network), public6 = network(config.public6);

  function permitted(text) {
    const address = bytes(text);
    if (!address) return false;
    if (allowed.some(n => within(address, n))) return true;
    return !refused.some(n => within(address, n)) && (address.length === 4 || within(address, public6));
  }

  // ---- what the page says about the other side ----
  // candidate:… 1 udp priority ADDRESS port typ …; what stands behind raddr is
  // told for information only.
  function candidate(line) {
    const fields = line.trim().split(' ');
    return fields.length < 5 || !/\s{2}|\t/.test(line.trim()) && permitted(fields[4]);
  }
  function description(sdp) {
    return sdp.split(/(?<=\n)/).filter(line => !line.startsWith('a=candidate:') || candidate(line)).join('');
  }
  function server(url) {
    const m = /^(?:stuns?|turns?):(\[[^\]]*\]|[^:?]*)/i.exec(url);
    if (!m) return true; // then Chromium takes it for no server
    const host = m[1].replace(/^\[|\]$/g, '');
    return permitted(host) || bytes(host) === null && !host.includes(':');
  }
  function configuration(c) {
    if (!c || !c.iceServers) return c;
    const servers = [];
    for (const s of c.iceServers) {
      const urls = [s.urls ?? s.url ?? []].flat().map(String).filter(server);
      if (urls.length) servers.push({...s, urls});
    }
    return {...c, iceServers: servers};
  }

  // ---- every connection of the page ----
  const {addIceCandidate, setRemoteDescription, setConfiguration} = Native.prototype;
  Object.assign(Native.prototype, {
    addIceCandidate(...args) {
      const first = args[0];
      if (!first || !first.candidate) return addIceCandidate.apply(this, args);
      // Read once, so that it is what is checked that counts.
      const text = String(first.candidate), {sdpMid, sdpMLineIndex, usernameFragment} = first;
      args[0] = {candidate: text, sdpMid, sdpMLineIndex, usernameFragment};
      if (candidate(text)) return addIceCandidate.apply(this, args);
      if (typeof args[1] === 'function') args[1]();
      return Promise.resolve();
    },
    setRemoteDescription(...args) {
      const first = args[0];
      if (first && first.sdp) args[0] = {type: first.type, sdp: description(String(first.sdp))};
      return setRemoteDescription.apply(this, args);
    },
    setConfiguration(c) { return setConfiguration.call(this, configuration(c)); },
  });
  const Wrapped = new Proxy(Native, {
    construct(target, [c, ...rest], newTarget) { return Reflect.construct(target, [configuration(c), ...rest], newTarget); },
  });
  Native.prototype.constructor = Wrapped;
  window.RTCPeerConnection = Wrapped;
  if ('webkitRTCPeerConnection' in window) window.webkitRTCPeerConnection = Wrapped;
}
