// Keeps media elements from playing tapped audio. It is silence by then, its
// frames went to the recorder, but playing it keeps the decoder and three
// threads busy a hundred times a second.
//
// An element is given a stream of its own in place of the page's: the same
// tracks, but for the silenced ones, and instead of these one track that never
// has anything to play. The page notices nothing: srcObject stays what it set.
//
// Returns {silence(track), restore(track)}.
() => {
  'use strict';
  const native = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
  const {addTrack, removeTrack} = MediaStream.prototype;
  const Generator = window.MediaStreamTrackGenerator;
  if (!native || !Generator) return {silence() {}, restore() {}};

  const silenced = new WeakSet(); // tracks
  const played = new WeakMap(); // the page's stream → what is played instead
  const streams = new Set(); // weak references to the page's streams
  const given = new WeakMap(); // element → the page's stream
  let nothing = null;

  function mirror(stream) {
    const mine = played.get(stream);
    const all = stream.getTracks();
    const want = new Set(all.filter(t => !silenced.has(t)));
    if (want.size < all.length) want.add(nothing ??= new Generator({kind: 'audio'}));
    for (const t of mine.getTracks()) if (!want.has(t)) removeTrack.call(mine, t);
    for (const t of want) addTrack.call(mine, t); // does nothing for one that is there
  }

  function substitute(stream) {
    if (!played.has(stream)) {
      played.set(stream, new MediaStream());
      streams.add(new WeakRef(stream));
      for (const event of ['addtrack', 'removetrack']) stream.addEventListener(event, () => mirror(stream));
    }
    mirror(stream);
    return played.get(stream);
  }

  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    ...native,
    get() { return given.get(this) ?? native.get.call(this); },
    set(value) {
      if (value instanceof MediaStream) {
        native.set.call(this, substitute(value));
        given.set(this, value);
      } else {
        native.set.call(this, value);
        given.delete(this);
      }
    },
  });
  // The page's own changes to a stream make no event.
  for (const name of ['addTrack', 'removeTrack']) {
    const change = MediaStream.prototype[name];
    MediaStream.prototype[name] = function (track) {
      change.call(this, track);
      if (played.has(this)) mirror(this);
    };
  }

  function update() {
    for (const ref of streams) {
      const stream = ref.deref();
      if (stream) mirror(stream); else streams.delete(ref);
    }
  }
  return {
    silence(track) { silenced.add(track); update(); },
    restore(track) { silenced.delete(track); update(); },
  };
}
