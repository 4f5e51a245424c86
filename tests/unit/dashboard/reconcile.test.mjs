import assert from "node:assert/strict";
import { test } from "node:test";
import { reconcile } from "../../../app/dashboard/static/js/reconcile.js";

/** As much of an element as is needed: a list of children, and what was moved in it. */
class Parent {
  constructor(...children) {
    this.children = children;
    this.moved = [];
    for (const child of children) child.parent = this;
  }

  insertBefore(child, before) {
    child.remove();
    child.parent = this;
    this.moved.push(child.name);
    const place = before ? this.children.indexOf(before) : this.children.length;
    this.children.splice(place, 0, child);
  }

  names() {
    return this.children.map((child) => child.name);
  }
}

function child(key, name = key) {
  return {
    name,
    dataset: { key },
    remove() {
      if (this.parent) this.parent.children = this.parent.children.filter((one) => one !== this);
    },
  };
}

const fresh = (...keys) => new Parent(...keys.map((key) => child(key, `${key}'`)));

test("what is new comes in, what is gone goes, and the order is the new one", () => {
  const place = new Parent(child("a"), child("b"), child("c"));
  reconcile(place, fresh("c", "d", "a"), (_, drawn) => drawn);
  assert.deepEqual(place.names(), ["c'", "d'", "a'"]);
});

test("what is kept stays where it is, untouched, while others change around it", () => {
  const place = new Parent(child("a"), child("b"), child("c"));
  reconcile(place, fresh("a", "b", "c"), (old, drawn) => (old.name === "b" ? old : drawn));
  assert.deepEqual(place.names(), ["a'", "b", "c'"]);
  assert.ok(!place.moved.includes("b"));
});

test("what is kept is not moved when the one before it goes", () => {
  const place = new Parent(child("a"), child("b"));
  reconcile(place, fresh("b"), (old) => old);
  assert.deepEqual(place.names(), ["b"]);
  assert.deepEqual(place.moved, []);
});

test("what is in use but was answered by somebody else goes all the same", () => {
  const place = new Parent(child("a"), child("b"));
  reconcile(place, fresh("a"), (old) => old);
  assert.deepEqual(place.names(), ["a"]);
});
