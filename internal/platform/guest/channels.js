(labels) => {
  // Keeps what the page is told over its data channels of these labels, until the
  // next look. The page notices nothing.
  const Native = window.RTCPeerConnection;
  if (!Native) return;
  const kept = window[Symbol.for('steno.channels')] = [];
  const listen = (channel) => {
    if (!labels.includes(channel.label)) return;
    channel.addEventListener('message', async (e) => {
      const data = e.data instanceof Blob ? await e.data.arrayBuffer() : e.data;
      if (!(data instanceof ArrayBuffer) || data.byteLength > 1 << 20) return;
      let text = '';
      for (const byte of new Uint8Array(data)) text += String.fromCharCode(byte);
      kept.push(btoa(text));
      if (kept.length > 200) kept.shift();
    });
  };
  const create = Native.prototype.createDataChannel;
  Native.prototype.createDataChannel = function (...args) {
    const channel = create.apply(this, args);
    listen(channel);
    return channel;
  };
  const Wrapped = new Proxy(Native, {
    construct(target, args, newTarget) {
      const pc = Reflect.construct(target, args, newTarget);
      pc.addEventListener('datachannel', (e) => listen(e.channel));
      return pc;
    },
  });
  Native.prototype.constructor = Wrapped;
  window.RTCPeerConnection = Wrapped;
}
