// What components are written with: htm's templates on Preact. A value in a template is
// text or an attribute, never markup, whatever it holds.
import { h } from "../lib/preact.mjs";
import htm from "../lib/htm.mjs";

export const html = htm.bind(h);
export { Component, Fragment, createContext, render } from "../lib/preact.mjs";
export { useCallback, useContext, useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } from "../lib/hooks.mjs";
