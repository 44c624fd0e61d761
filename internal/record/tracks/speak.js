// Gives the page a microphone that says what the bot has to say. While that is
// nothing, it gives no samples at all, and nothing is sent.
//
// give(writable) is called once, with where the samples go.
(give) => {
  'use strict';
  const devices = navigator.mediaDevices;
  const Generator = window.MediaStreamTrackGenerator;
  if (!devices || !Generator) return;
  const nativeGet = devices.getUserMedia.bind(devices);
  const nativeList = devices.enumerateDevices.bind(devices);
  let microphone = null;

  function track() {
    if (!microphone) {
      microphone = new Generator({kind: 'audio'});
      give(microphone.writable);
    }
    return microphone.clone(); // the page may stop or mute what it gets
  }

  devices.getUserMedia = async function (constraints) {
    if (!constraints || !constraints.audio) return nativeGet(constraints);
    const stream = constraints.video ? await nativeGet({...constraints, audio: false}) : new MediaStream();
    stream.addTrack(track());
    return stream;
  };
  devices.enumerateDevices = async function () {
    const list = await nativeList();
    if (list.some(d => d.kind === 'audioinput' && d.deviceId)) return list;
    const mine = {deviceId: 'default', groupId: '', kind: 'audioinput', label: 'Microphone'};
    return [...list.filter(d => d.kind !== 'audioinput'), {...mine, toJSON: () => mine}];
  };
  const nativeQuery = navigator.permissions?.query.bind(navigator.permissions);
  if (nativeQuery) navigator.permissions.query = async function (what) {
    const status = await nativeQuery(what);
    if (what?.name === 'microphone') Object.defineProperty(status, 'state', {value: 'granted'});
    return status;
  };
}
