// A browser starts no worker for a page that was opened as a file. This runs the worker's script in a hidden frame in its
// place, for the search of the docs site; pages that came over HTTP keep the browser's own workers.
"use strict";
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = `<script>
        window.postMessage = (data) => parent.postMessage(data, "*");
        window.importScripts = async (...urls) => {
          for (const url of urls) await new Promise((done) => {
            const script = document.createElement("script");
            script.src = url;
            script.onload = script.onerror = done;
            document.head.append(script);
          });
        };
      <\/script><script src="${url}"><\/script>`;
      this.loaded = new Promise((done) => this.frame.addEventListener("load", done));
      window.addEventListener("message", (event) => {
        if (event.source !== this.frame.contentWindow) return;
        const told = new MessageEvent("message", { data: event.data });
        this.onmessage?.(told);
        this.dispatchEvent(told);
      });
      const begin = () => document.body.append(this.frame);
      document.body ? begin() : addEventListener("DOMContentLoaded", begin);
    }
    async postMessage(data) {
      await this.loaded;
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data, source: window }));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
