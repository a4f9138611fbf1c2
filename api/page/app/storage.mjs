// What is remembered lasts as long as the page where the browser keeps nothing: a full storage
// must not make it forget an alarm, or what it saw before, and one that is forbidden not end it.

/** `storage`, such as localStorage or null, with what it does not take kept until the page is closed. */
export function lasting(storage) {
  const untaken = new Map();
  return {
    getItem: (name) => untaken.get(name) ?? storage?.getItem(name) ?? null,
    setItem(name, value) {
      untaken.set(name, value);
      if (storage === null) return;
      try {
        storage.setItem(name, value);
        untaken.delete(name); // from here on what other pages put there counts
      } catch {
        // It is full, or a private window's.
      }
    },
    removeItem(name) {
      untaken.delete(name);
      storage?.removeItem(name);
    },
  };
}

// A browser that allows none throws where it is named.
function allowed(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}

/** Of this browser. */
export const local = lasting(allowed("localStorage"));

/** Of this tab. */
export const session = lasting(allowed("sessionStorage"));
