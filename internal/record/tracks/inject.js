// Runs in every document of the page before the page's own scripts. It taps
// each remote media receiver once and leaves the handling of frames to a
// worker, so that a busy page does not delay them.
//
// config: {url, audioOnly, listen, fallbackMs, batchMs, devices, heldMs}; workerSource: text of
// worker.js; quiet: what quiet.js returns; device: the function of device.js.
(config, workerSource, quiet, device) => {
  'use strict';
  const Native = window.RTCPeerConnection;
  if (!Native) return;

  // ---- the worker, started with the first receiver ----
  const NativeWorker = window.Worker, NativeBlob = window.Blob;
  const createObjectURL = URL.createObjectURL.bind(URL);
  const NativeTransform = window.RTCRtpScriptTransform;
  const NativeProcessor = window.MediaStreamTrackProcessor;
  let worker = null;

  function theWorker() {
    if (worker) return worker;
    worker = new NativeWorker(createObjectURL(new NativeBlob([workerSource], {type: 'text/javascript'})));
    worker.onmessage = e => { for (const [n, frames] of e.data.flowed) { const tap = taps[n]; if (tap) tap.frames = frames; } };
    worker.onerror = e => console.warn('recorder: worker failed:', e.message);
    worker.postMessage({url: config.url, batchMs: config.batchMs});
    return worker;
  }

  for (const kind of config.devices) device(kind, writable => theWorker().postMessage({device: kind, writable}, [writable]));

  const note = text => theWorker().postMessage({say: {type: 'note', text}});

  // ---- taps ----
  // A tap: {n, receiver, track, frames: encoded frames that came, mode:
  // encoded | decoded | none, packets, stuck, line}. Its index in taps is its number.
  const taps = [];
  const tapOf = new WeakMap();
  const transform = Object.getOwnPropertyDescriptor(RTCRtpReceiver.prototype, 'transform');

  // SFUs announce the same receiver again and again; only what is known about
  // it may have changed.
  function tap(pc, receiver, track, stream) {
    // A short buffer stretches sound that comes unevenly.
    if (config.heldMs) receiver.jitterBufferTarget = config.heldMs[track.kind];
    if ((config.audioOnly || config.listen) && track.kind === 'video') return;
    let t = tapOf.get(receiver);
    const known = !!t;
    if (!known) {
      t = {n: taps.length, receiver, track, frames: 0, mode: 'encoded', packets: 0, stuck: 0, line: lineOf(pc)};
      taps.push(t);
      tapOf.set(receiver, t);
    }
    t.track = track;
    theWorker().postMessage({say: {type: 'track', track: t.n, kind: track.kind, media_id: track.id, stream_id: stream ? stream.id : ''}});
    if (known) return;
    try {
      transform.set.call(receiver, new NativeTransform(theWorker(), {n: t.n, kind: track.kind, listen: config.listen}));
      if (track.kind === 'audio') quiet.silence(track);
    } catch (err) {
      fallBack(t, 'no encoded frames: ' + err);
    }
    watch();
  }

  // ---- the ladder: what does not give encoded frames is taken decoded ----
  function fallBack(t, why) {
    if (t.mode !== 'encoded') return;
    t.mode = 'none';
    note(`${t.track.kind} track ${t.track.id}: ${why}`);
    passOn(t.receiver);
    if (t.track.kind === 'video') {
      theWorker().postMessage({say: {type: 'needs_screen', track: t.n}});
      return;
    }
    quiet.restore(t.track);
    // Before the first packet there is only invented silence.
    if (t.track.muted) t.track.addEventListener('unmute', () => takeDecoded(t), {once: true});
    else takeDecoded(t);
  }

  // Chromium goes on holding frames back when a transform is merely removed.
  function passOn(receiver) {
    try {
      transform.set.call(receiver, new NativeTransform(theWorker(), {passOn: true}));
    } catch { /* then it never had one */ }
  }

  function takeDecoded(t) {
    try {
      // Chromium decodes remote audio only while somebody plays it.
      t.sink = new Audio();
      t.sink.muted = true;
      t.sink.srcObject = new MediaStream([t.track]);
      t.sink.play().catch(() => {});
      const {readable} = new NativeProcessor({track: t.track});
      theWorker().postMessage({decoded: t.n, readable}, [readable]);
      t.mode = 'decoded';
    } catch (err) {
      note(`audio track ${t.track.id}: no decoded frames either: ${err}`);
    }
  }

  // A receiver that gets packets for config.fallbackMs without a frame reaching
  // the worker is stuck. Statistics cost something, so they are only asked for
  // as long as that can be the case.
  let watching = null;
  const look = config.fallbackMs / 4;
  function watch() { watching ??= setInterval(() => { taps.forEach(inspect); connections(); }, look); }

  async function inspect(t) {
    if (t.ended) return;
    if (t.track.readyState === 'ended') {
      t.ended = true;
      theWorker().postMessage({say: {type: 'ended', track: t.n}});
      return;
    }
    if (t.mode !== 'encoded' || t.frames > 0 || t.track.muted) return;
    let packets = 0;
    for (const s of (await t.receiver.getStats()).values()) {
      if (s.type === 'inbound-rtp') packets += s.packetsReceived;
    }
    // The first packets may still be on their way through the worker.
    t.stuck = packets > t.packets && t.packets > 0 ? t.stuck + 1 : 0;
    t.packets = packets;
    if (t.stuck >= 3) fallBack(t, `${packets} packets came, but no encoded frames`);
  }

  // ---- is there still a way for media to come? ----
  // A line: {pc, downs: at how many looks in a row it was down}. Only those
  // that carried something are ever down.
  let lines = [], wasDown = false;

  function lineOf(pc) {
    let line = lines.find(l => l.pc === pc);
    if (!line) lines.push(line = {pc, downs: 0});
    return line;
  }

  // Some services close a connection when somebody leaves, so one that was
  // well until the page closed it means nothing. Those that the page gave up
  // after a while are missed until another one stands.
  function connections() {
    let up = false;
    for (const l of lines) {
      const state = l.pc.connectionState;
      if (state === 'connected') { up = true; l.downs = 0; }
      else if (state !== 'connecting' && state !== 'closed' && carried(l)) l.downs++;
    }
    lines = lines.filter(l => l.pc.connectionState !== 'closed' || !up && l.downs >= 4);
    const down = !up && lines.some(l => l.downs > 0);
    if (down === wasDown) return;
    wasDown = down;
    theWorker().postMessage({say: {type: 'connections', down}});
  }

  const carried = line => taps.some(t => t.line === line && (t.frames > 0 || t.mode === 'decoded'));

  // A page that wants the encoded frames for itself (end-to-end encryption)
  // gets them; we step aside.
  function stepAside(receiver) {
    const t = tapOf.get(receiver);
    if (t) fallBack(t, 'the page takes the encoded frames itself');
  }
  if (transform) Object.defineProperty(RTCRtpReceiver.prototype, 'transform', {
    ...transform,
    set(value) {
      if (value) stepAside(this);
      transform.set.call(this, value);
    },
  });
  const createEncodedStreams = RTCRtpReceiver.prototype.createEncodedStreams;
  if (createEncodedStreams) {
    RTCRtpReceiver.prototype.createEncodedStreams = function () {
      stepAside(this);
      return createEncodedStreams.call(this);
    };
  }

  // ---- every connection of the page ----
  const Wrapped = new Proxy(Native, {
    construct(target, args, newTarget) {
      const pc = Reflect.construct(target, args, newTarget);
      pc.addEventListener('track', e => tap(pc, e.receiver, e.track, e.streams[0]));
      return pc;
    },
  });
  // A receiver that is made before the other side describes its track, because
  // the page offers, must be tapped in the same breath: a moment later Chromium
  // (156) connects it to its decoder for good.
  for (const name of ['addTransceiver', 'addTrack', 'createOffer']) {
    const native = Native.prototype[name];
    Native.prototype[name] = function (...args) {
      const result = native.apply(this, args);
      for (const t of this.getTransceivers()) {
        if (!tapOf.has(t.receiver) && !t.stopped) tap(this, t.receiver, t.receiver.track, null);
      }
      return result;
    };
  }
  Native.prototype.constructor = Wrapped;
  window.RTCPeerConnection = Wrapped;
  if ('webkitRTCPeerConnection' in window) window.webkitRTCPeerConnection = Wrapped;
}
