'use strict';

// Passes encoded frames on, as the worker of a page with end-to-end encryption
// does once it has decrypted them.
onrtctransform = (e) => { e.transformer.readable.pipeTo(e.transformer.writable).catch(() => {}); };
