/** State of one execution as signals, fed by messages; a page part redraws only for its own. */

import { batch, signal } from "@preact/signals-core";
import { executionAfter, executionUpdated, subtaskAfter } from "./reduce.js";

/** @typedef {import("./types.js").Execution} Execution */
/** @typedef {import("./types.js").LogEvent} LogEvent */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").Subtask} Subtask */
/** @typedef {import("./types.js").Task} Task */
/** @typedef {import("./types.js").Tree} Tree */
/**
 * @template T
 * @typedef {import("@preact/signals-core").Signal<T>} Signal
 */
/** @typedef {{id: string, state: Signal<Subtask>, touched: number}} SubtaskNode */
/** @typedef {{id: string, state: Signal<Task>, subtasks: SubtaskNode[]}} TaskNode */
/** @typedef {{id: string, name: string, status: Signal<string>, tasks: TaskNode[]}} PhaseNode */

/** Parts of a row that are not drawn with it. */
const UNSEEN = new Set(["subtasks", "result"]);

export class ExecutionStore {
  /**
   * @param {Execution} execution
   * @param {Tree} tree
   */
  constructor(execution, tree) {
    this.execution = signal(execution);
    /** When all was planned to begin and end, and is likely to. */
    this.outlook = signal(outlookOf(tree));
    this.phases = signal(/** @type {PhaseNode[]} */ ([]));
    this.online = signal(true);
    /** Whether news still come without the socket. */
    this.reached = signal(false);
    /** Counts messages, so that a slow answer does not undo what came after its request. */
    this.tick = 0;
    /** @type {Map<string, SubtaskNode>} */
    this.subtasks = new Map();
    /** @type {Map<string, string>} */
    this.titles = new Map();
    /** @type {Map<string, string>} Task by subtask. */
    this.taskOf = new Map();
    /** The status that the tree is filtered by; empty shows all. */
    this.show = signal("");
    this.shape = "";
    this.putTree(tree, 0);
  }

  /**
   * Take in messages that arrived together.
   * @param {Message[]} messages
   */
  receive(messages) {
    batch(() => {
      for (const message of messages) this.take(message);
    });
  }

  /** @param {Message} message */
  take(message) {
    this.tick += 1;
    if (message.type === "snapshot") {
      this.execution.value = message.execution;
      this.putTree(message.tasks, this.tick);
    } else if (message.type === "execution_update") {
      this.execution.value = executionUpdated(this.execution.value, message);
    } else if (message.type === "event") {
      this.execution.value = executionAfter(this.execution.value, message);
      this.touch(message);
    }
  }

  /** @param {LogEvent} event */
  touch(event) {
    const node = this.subtasks.get(event.task_id ?? "");
    if (!node) return;
    node.state.value = subtaskAfter(node.state.value, event);
    node.touched = this.tick;
  }

  /**
   * Take over a whole tree, except subtasks that changed after it was asked for.
   * @param {Tree} tree
   * @param {number} asked The tick at which it was asked for.
   */
  putTree(tree, asked) {
    batch(() => {
      const shape = JSON.stringify(
        tree.phases.map((phase) => [
          phase.phase_id,
          phase.tasks.map((task) => [task.task_id, task.subtasks.map((row) => row.subtask_id)]),
        ]),
      );
      if (shape !== this.shape) this.build(tree);
      else this.update(tree, asked);
      this.shape = shape;
      const outlook = outlookOf(tree);
      if (!sameRow(this.outlook.value, outlook)) this.outlook.value = outlook;
    });
  }

  /** @param {Tree} tree */
  build(tree) {
    this.subtasks.clear();
    this.titles.clear();
    this.taskOf.clear();
    this.phases.value = tree.phases.map((phase) => ({
      id: phase.phase_id,
      name: phase.name,
      status: signal(phase.status),
      tasks: phase.tasks.map((task) => this.taskNode(task)),
    }));
  }

  /** @param {Task} task @returns {TaskNode} */
  taskNode(task) {
    this.titles.set(task.task_id, task.title);
    const subtasks = task.subtasks.map((subtask) => {
      const node = { id: subtask.subtask_id, state: signal(subtask), touched: 0 };
      this.subtasks.set(node.id, node);
      this.titles.set(node.id, subtask.title);
      this.taskOf.set(node.id, task.task_id);
      return node;
    });
    return { id: task.task_id, state: signal(task), subtasks };
  }

  /** @param {Tree} tree @param {number} asked */
  update(tree, asked) {
    tree.phases.forEach((phase, row) => {
      const phaseNode = /** @type {PhaseNode} */ (this.phases.value[row]);
      phaseNode.status.value = phase.status;
      phase.tasks.forEach((task, column) => {
        const taskNode = /** @type {TaskNode} */ (phaseNode.tasks[column]);
        if (!sameRow(taskNode.state.value, task)) taskNode.state.value = task;
        for (const subtask of task.subtasks) this.replace(subtask, asked);
      });
    });
  }

  /** @param {Subtask} subtask @param {number} asked */
  replace(subtask, asked) {
    const node = this.subtasks.get(subtask.subtask_id);
    if (!node || node.touched > asked || sameRow(node.state.value, subtask)) return;
    node.state.value = subtask;
  }
}

/** @param {Tree} tree */
function outlookOf(tree) {
  return {
    begin: tree.planned_from ?? null,
    plannedEnd: tree.planned_end_at ?? null,
    forecast: tree.forecast_end_at ?? null,
  };
}

/**
 * Tell whether two rows show the same, so that nothing redraws for nothing.
 * @param {object} one
 * @param {object} other
 */
function sameRow(one, other) {
  const flat = (/** @type {object} */ row) =>
    JSON.stringify(row, (key, value) => (UNSEEN.has(key) ? undefined : (value ?? undefined)));
  return flat(one) === flat(other);
}
