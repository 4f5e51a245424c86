/**
 * Shapes on the wire, as far as the pages read them.
 *
 * @typedef {object} Progress
 * @property {number} tasks_completed
 * @property {number} tasks_total
 * @property {number} percent
 * @property {number} [subtasks_completed]
 * @property {number} [subtasks_total]
 * @property {string | null} [current_task_id]
 * @property {string | null} [current_task_title]
 *
 * @typedef {object} Execution
 * @property {string} execution_id
 * @property {string} plan_id
 * @property {string} [plan_title]
 * @property {string | null} [agent_id]
 * @property {string} status
 * @property {string} [status_message]
 * @property {Progress} progress
 * @property {number} [open_blockers]
 * @property {string | null} [created_at]
 * @property {string | null} [started_at]
 * @property {string | null} [completed_at]
 * @property {string | null} [forecast_end_at]
 * @property {string | null} [updated_at]
 * @property {number} seq
 *
 * @typedef {object} WaitsFor
 * @property {string} kind
 * @property {string | null} task_title
 * @property {string} message
 * @property {string} opened_at
 * @property {string | null} next_check_at
 *
 * @typedef {Execution & {waits_for?: WaitsFor | null, waits_for_people?: number}} Listed
 *
 * @typedef {object} Subtask
 * @property {string} subtask_id
 * @property {string} title
 * @property {string} status
 * @property {number | null} [attempt]
 * @property {number | null} [max_attempts]
 * @property {number | null} [progress_percent]
 * @property {string | null} [agent_id]
 * @property {string | null} [started_at]
 * @property {string | null} [completed_at]
 * @property {string | null} [last_event_at]
 * @property {string | null} [error_type]
 * @property {string | null} [error_message]
 * @property {string | null} [due_at]
 * @property {Why} [why]
 *
 * @typedef {{cause?: string, detail?: string, since?: string | null, until?: string | null} | string | null} Why
 *
 * @typedef {object} Task
 * @property {string} task_id
 * @property {string} title
 * @property {string} status
 * @property {number | null} [progress_percent]
 * @property {string[]} [prerequisites]
 * @property {string | null} [planned_start_at]
 * @property {string | null} [planned_end_at]
 * @property {string | null} [started_at]
 * @property {string | null} [completed_at]
 * @property {boolean} [critical]
 * @property {Why} [why]
 * @property {Subtask[]} subtasks
 *
 * @typedef {{phase_id: string, name: string, status: string, tasks: Task[]}} Phase
 * @typedef {object} Tree
 * @property {Phase[]} phases
 * @property {string} [planned_from]
 * @property {string} [planned_end_at]
 * @property {string | null} [forecast_end_at]
 *
 *
 * @typedef {object} LogEvent
 * @property {number} seq
 * @property {string} event_type
 * @property {string} recorded_at
 * @property {string} [status]
 * @property {string | null} [task_id]
 * @property {string | null} [agent_id]
 * @property {string | null} [message]
 * @property {number | null} [attempt]
 * @property {number | null} [progress_percent]
 * @property {string | null} [error_type]
 * @property {string | null} [error_message]
 *
 * @typedef {{type: "snapshot", seq: number, execution: Execution, tasks: Tree}} SnapshotMessage
 * @typedef {LogEvent & {type: "event"}} EventMessage
 * @typedef {object} UpdateMessage
 * @property {"execution_update"} type
 * @property {number} seq
 * @property {string} status
 * @property {Progress} progress
 * @property {string} timestamp
 * @property {string} [execution_id]
 * @property {string} [status_message]
 * @property {number} [open_blockers]
 * @property {{subtasks?: Record<string, string>}} [changes]
 * @typedef {{type: "resync"}} ResyncMessage
 * @typedef {SnapshotMessage | EventMessage | UpdateMessage | ResyncMessage} Message
 *
 * @typedef {{label: string, tone: string, icon: string}} StatusWord
 * @typedef {{text: string, tone: string}} EventWord
 * @typedef {{statuses: Record<string, StatusWord>, events: Record<string, EventWord>, blockers?: Record<string, {label: string, tone: string}>}} Words
 */

export {};
