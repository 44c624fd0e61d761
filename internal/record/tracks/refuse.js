// Refuses video in the negotiation, whoever offers, so that none is ever sent
// to this page.
() => {
  'use strict';
  const Native = window.RTCPeerConnection;
  if (!Native) return;

  function refuse(pc) {
    for (const t of pc.getTransceivers()) {
      if (t.receiver.track.kind !== 'video' || t.stopped) continue;
      if (t.direction === 'recvonly') t.direction = 'inactive';
      else if (t.direction === 'sendrecv') t.direction = t.sender.track ? 'sendonly' : 'inactive';
    }
  }
  // For pages that write their descriptions themselves.
  function refuseIn(sdp) {
    return sdp.split(/^(?=m=)/m).map(section => !section.startsWith('m=video') ? section :
      section.replace(/^a=sendrecv/m, 'a=sendonly').replace(/^a=recvonly/m, 'a=inactive')).join('');
  }
  for (const name of ['createOffer', 'createAnswer', 'setLocalDescription']) {
    const native = Native.prototype[name];
    Native.prototype[name] = function (...args) {
      refuse(this);
      const first = args[0];
      if (name === 'createOffer' && first && first.offerToReceiveVideo) args[0] = {...first, offerToReceiveVideo: false};
      if (name === 'setLocalDescription' && first && first.sdp) args[0] = {type: first.type, sdp: refuseIn(first.sdp)};
      return native.apply(this, args);
    };
  }
}
