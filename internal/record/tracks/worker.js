// Takes frames out of the page and sends them to the recorder in batches of a
// quarter second, or of config.batchMs, over one WebSocket.
//
// Text messages are JSON: {type: track | codec | ended | needs_screen | note |
// connections | speaks | shows, track, …}, a type of Go's control. Binary messages are records, little-endian:
//
//   u32 length of the payload · u16 track · u8 flags (1 keyframe, 2 has a
//   sequence number) · u8 number of CSRCs · u16 RTP sequence number · u16
//   audio level (0 unknown, else 1 + dB below full scale) · u32 RTP timestamp ·
//   f64 arrival, Unix microseconds · CSRCs, u32 each · payload
'use strict';

let batchMs = 250;
const header = 24;
const exposeMs = 1000;
// What may wait while the recorder does not read; then frames are lost.
const maxWaiting = 32 << 20;

let url = null, socket = null;
let batch = new Uint8Array(256 << 10), view = new DataView(batch.buffer), used = 0;
let timer = null;
const queue = []; // messages for a socket that is not open
let queued = 0;
const said = new Map(); // the last message of each type about each track
const flowed = new Map(); // track → number of encoded frames
let reported = 0;
let speech = null; // writer of the page's microphone
let spoken = 0; // time of its next samples, microseconds
let camera = null; // writer of the page's camera
let picture = null; // what it shows

onmessage = e => {
  const m = e.data;
  if (m.url) { url = m.url; batchMs = m.batchMs; connect(); }
  if (m.say) say(m.say);
  if (m.device === 'audio') { speech = m.writable.getWriter(); say({type: 'speaks'}); }
  if (m.device === 'video') { camera = m.writable.getWriter(); say({type: 'shows'}); setInterval(expose, exposeMs); }
  if (m.readable) decoded(m.decoded, m.readable);
};

// Another socket is another page to the recorder, so it is told again what
// the tracks are.
function connect(again) {
  socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = e => typeof e.data === 'string' ? show(e.data) : speak(e.data);
  socket.onopen = () => {
    if (again) for (const text of said.values()) socket.send(text);
    while (queue.length) socket.send(queue.shift());
    queued = 0;
  };
  socket.onclose = () => setTimeout(connect, 1000, true);
}

// Binary messages of the recorder are what the bot says: 16-bit mono at 48 kHz,
// as it is to be heard now.
function speak(pcm) {
  if (!speech || !(pcm instanceof ArrayBuffer)) return;
  const frames = pcm.byteLength >> 1;
  spoken = Math.max(spoken, performance.now() * 1000);
  speech.write(new AudioData({format: 's16', sampleRate: 48000, numberOfFrames: frames, numberOfChannels: 1, timestamp: spoken, data: pcm}))
    .catch(() => {});
  spoken += frames / 48000 * 1e6;
}

// Text messages of the recorder are the picture that the camera shows from now
// on, a JPEG in base 64.
async function show(jpeg) {
  const bytes = Uint8Array.from(atob(jpeg), c => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  picture?.close();
  picture = new VideoFrame(bitmap, {timestamp: 0});
  bitmap.close();
  expose();
}

// A still is sent now and then: who comes later and what was lost want it again.
function expose() {
  if (!camera || !picture || camera.desiredSize < 1) return;
  camera.write(new VideoFrame(picture, {timestamp: performance.now() * 1000})).catch(() => {});
}

function post(message) {
  const text = typeof message === 'string';
  if (socket.readyState === WebSocket.OPEN) {
    if (text || socket.bufferedAmount < maxWaiting) socket.send(message);
  } else if (text || queued < maxWaiting) {
    queue.push(text ? message : message.slice());
    queued += message.length;
  }
}

// Order matters: what was taken before must arrive before.
function say(message) {
  flush();
  const text = JSON.stringify(message);
  if (message.track !== undefined || ['connections', 'speaks', 'shows'].includes(message.type)) said.set(`${message.track} ${message.type}`, text);
  post(text);
}

function flush() {
  if (timer !== null) { clearTimeout(timer); timer = null; }
  if (used > 0) post(batch.subarray(0, used));
  used = 0;
  // The page wants to know which receivers work, not how well.
  if (flowed.size !== reported) { reported = flowed.size; postMessage({flowed: [...flowed]}); }
}

function add(track, flags, seq, level, rtp, arrival, csrcs, payload) {
  const size = header + 4 * csrcs.length + payload.byteLength;
  if (used + size > batch.length) {
    const bigger = new Uint8Array(Math.max(2 * batch.length, used + size));
    bigger.set(batch.subarray(0, used));
    batch = bigger;
    view = new DataView(batch.buffer);
  }
  view.setUint32(used, payload.byteLength, true);
  view.setUint16(used + 4, track, true);
  view.setUint8(used + 6, flags);
  view.setUint8(used + 7, csrcs.length);
  view.setUint16(used + 8, seq, true);
  view.setUint16(used + 10, level, true);
  view.setUint32(used + 12, rtp, true);
  view.setFloat64(used + 16, arrival, true);
  let at = used + header;
  for (const c of csrcs) { view.setUint32(at, c, true); at += 4; }
  batch.set(payload, at);
  used += size;
  timer ??= setTimeout(() => { timer = null; flush(); }, batchMs);
}

const unixMicro = ms => Math.round((performance.timeOrigin + ms) * 1000);

// Audio frames end here, before the decoder, unless the page is to be heard. Of
// video, keyframes go on: with none at all the receiver asks for them without
// end.
onrtctransform = async e => {
  const {n, kind, listen, passOn} = e.transformer.options;
  if (passOn) {
    e.transformer.readable.pipeTo(e.transformer.writable).catch(() => {});
    return;
  }
  const reader = e.transformer.readable.getReader();
  const writer = e.transformer.writable.getWriter();
  let mime = '', ssrc = 0;
  for (;;) {
    const {value: frame, done} = await reader.read();
    if (done) return;
    const meta = frame.getMetadata();
    if (meta.mimeType !== mime || meta.synchronizationSource !== ssrc) {
      mime = meta.mimeType;
      ssrc = meta.synchronizationSource;
      say({type: 'codec', track: n, mime, ssrc, source: 'encoded'});
    }
    const key = frame.type === 'key';
    const csrcs = meta.contributingSources ?? [];
    add(n, (key ? 1 : 0) | (meta.sequenceNumber === undefined ? 0 : 2), meta.sequenceNumber ?? 0,
      level(meta.audioLevel), frame.timestamp, unixMicro(meta.receiveTime ?? performance.now()),
      csrcs.length > 255 ? csrcs.slice(0, 255) : csrcs, new Uint8Array(frame.data));
    flowed.set(n, (flowed.get(n) ?? 0) + 1);
    // A writable that is closed under us must not end the recording.
    if (listen || kind === 'video' && key) writer.write(frame).catch(() => {});
  }
};

function level(linear) {
  if (linear === undefined || linear === null) return 0;
  return 1 + (linear <= 0 ? 127 : Math.min(127, Math.max(0, Math.round(-20 * Math.log10(linear)))));
}

// The lower rung: audio as it comes out of the decoder, 16-bit interleaved.
async function decoded(n, readable) {
  const reader = readable.getReader();
  let format = '';
  for (;;) {
    const {value: data, done} = await reader.read();
    if (done) return;
    const {numberOfChannels: channels, numberOfFrames: frames, sampleRate} = data;
    if (format !== `${sampleRate}/${channels}`) {
      format = `${sampleRate}/${channels}`;
      say({type: 'codec', track: n, mime: 'audio/pcm', source: 'decoded', clock_rate: sampleRate, channels});
    }
    const pcm = new Int16Array(frames * channels), plane = new Float32Array(frames);
    let peak = 0;
    for (let c = 0; c < channels; c++) {
      data.copyTo(plane, {planeIndex: c, format: 'f32-planar'});
      for (let i = 0; i < frames; i++) {
        const v = Math.max(-1, Math.min(1, plane[i]));
        peak = Math.max(peak, Math.abs(v));
        pcm[i * channels + c] = v * 32767;
      }
    }
    data.close();
    add(n, 0, 0, level(peak), 0, unixMicro(performance.now()), [], new Uint8Array(pcm.buffer));
  }
}
