// Gives the page a microphone or a camera of ours. While there is nothing to say
// or to show, it gives no samples and no frames at all, and nothing is sent.
//
// kind: audio or video; give(writable) is called once, with where samples or
// frames go.
(kind, give) => {
  'use strict';
  const devices = navigator.mediaDevices;
  const Generator = window.MediaStreamTrackGenerator;
  if (!devices || !Generator) return;
  const [label, permission, other] = kind === 'audio' ? ['Microphone', 'microphone', 'video'] : ['Camera', 'camera', 'audio'];
  const nativeGet = devices.getUserMedia.bind(devices);
  const nativeList = devices.enumerateDevices.bind(devices);
  let device = null;

  function track() {
    if (!device) {
      device = new Generator({kind});
      give(device.writable);
    }
    return device.clone(); // the page may stop or mute what it gets
  }

  devices.getUserMedia = async function (constraints) {
    if (!constraints || !constraints[kind]) return nativeGet(constraints);
    const stream = constraints[other] ? await nativeGet({...constraints, [kind]: false}) : new MediaStream();
    stream.addTrack(track());
    return stream;
  };
  devices.enumerateDevices = async function () {
    const list = await nativeList();
    if (list.some(d => d.kind === `${kind}input` && d.deviceId)) return list;
    const mine = {deviceId: 'default', groupId: '', kind: `${kind}input`, label};
    return [...list.filter(d => d.kind !== mine.kind), {...mine, toJSON: () => mine}];
  };
  const nativeQuery = navigator.permissions?.query.bind(navigator.permissions);
  if (nativeQuery) navigator.permissions.query = async function (what) {
    const status = await nativeQuery(what);
    if (what?.name === permission) Object.defineProperty(status, 'state', {value: 'granted'});
    return status;
  };
}
