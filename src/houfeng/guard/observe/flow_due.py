"""When something of a flow is to be told: the eye's clock, sweeps over the table, and telling itself, compiled."""

from numba import njit

from houfeng.guard.observe import flow_words as word
from houfeng.guard.observe.flow_words import Words, came_to_end, outcome_of, protocol_of
from houfeng.guard.observe.places import forget
from houfeng.wire.eyes.frames import ACK
from houfeng.words.instant import NS_PER_S

#: A stamp so far before the eye's clock means that the clock was set back; less is frames that changed places.
SET_BACK_NS = 60 * NS_PER_S


@njit(nogil=True, cache=True)
def tick(
    now_ns: int, flows: Words, index: Words, free: Words, state: Words, limits: Words, salt: int, rows: Words
) -> bool:
    """Move the eye's clock on, and tell what became due; False when rows is full and it must be called again."""
    if now_ns < 0:
        return True
    clock_ns = state[word.CLOCK_NS]
    if clock_ns == word.NO_CLOCK or now_ns < clock_ns - SET_BACK_NS:
        _set_clock(flows, now_ns, state)
    elif now_ns > clock_ns:
        state[word.CLOCK_NS] = now_ns
    if state[word.SWEEP] < 0:
        if state[word.CLOCK_NS] < state[word.DUE_NS]:
            return True
        state[word.SWEEP] = 0
        state[word.SWEEP_DUE_NS] = word.NEVER_NS
    return _sweep(flows, index, free, state, limits, salt, rows)


@njit(nogil=True, cache=True)
def _set_clock(flows: Words, now_ns: int, state: Words) -> None:
    """The first stamp came, or the clock was set back: flows heard "later" are heard now."""
    first = state[word.CLOCK_NS] == word.NO_CLOCK
    state[word.CLOCK_NS] = now_ns
    state[word.DUE_NS] = now_ns
    for slot in range(state[word.USED]):
        flow = flows[slot]
        if first:
            flow[word.BORN_NS] = now_ns
            flow[word.HEARD_NS] = now_ns
        flow[word.BORN_NS] = min(flow[word.BORN_NS], now_ns)
        flow[word.HEARD_NS] = min(flow[word.HEARD_NS], now_ns)
        flow[word.TOLD_NS] = min(flow[word.TOLD_NS], now_ns)


@njit(nogil=True, cache=True)
def _sweep(flows: Words, index: Words, free: Words, state: Words, limits: Words, salt: int, rows: Words) -> bool:
    now_ns = state[word.CLOCK_NS]
    while state[word.SWEEP] < state[word.USED]:
        slot = state[word.SWEEP]
        flow = flows[slot]
        if flow[word.ALIVE]:
            due_ns = _due(flow, limits)
            if due_ns <= now_ns:
                if state[word.AT_ROW] >= len(rows):
                    return False
                if _silent_from(flow, limits) <= now_ns:
                    tell(flow, slot, True, state, rows)
                    end_flow(slot, flows, index, free, state, salt)
                    due_ns = word.NEVER_NS
                else:
                    tell(flow, slot, False, state, rows)
                    due_ns = _due(flow, limits)
            state[word.SWEEP_DUE_NS] = min(state[word.SWEEP_DUE_NS], due_ns)
        state[word.SWEEP] += 1
    state[word.SWEEP] = -1
    state[word.DUE_NS] = state[word.SWEEP_DUE_NS]
    return True


@njit(nogil=True, cache=True)
def whole_second(instant_ns: int) -> int:
    """The next whole second. Everything is due at one, so that sweeps are made once a second at the most."""
    return (instant_ns + NS_PER_S - 1) // NS_PER_S * NS_PER_S


@njit(nogil=True, cache=True)
def _silent_from(flow: Words, limits: Words) -> int:
    """When a flow has been silent for so long that it is over."""
    idle = word.IDLE_OTHER_NS
    if protocol_of(flow) == word.TCP:
        idle = word.IDLE_OVER_NS if came_to_end(flow) else word.IDLE_TCP_NS
    return whole_second(int(flow[word.HEARD_NS] + limits[idle]))


@njit(nogil=True, cache=True)
def _due(flow: Words, limits: Words) -> int:
    """When there is next something to say of a flow."""
    due_ns = _silent_from(flow, limits)
    if flow[word.TOLD_NS] < 0:
        return min(due_ns, whole_second(int(flow[word.BORN_NS]) + word.YOUNG_NS))
    if flow[word.PACKETS] + flow[word.PACKETS + 1] != flow[word.TOLD_PACKETS]:
        return min(due_ns, whole_second(int(flow[word.TOLD_NS]) + word.AGAIN_NS))
    return due_ns


@njit(nogil=True, cache=True)
def tell(flow: Words, slot: int, last: bool, state: Words, rows: Words) -> None:
    """Copy a flow out. One whose frames all came without a time is put where the eye's clock stands."""
    if flow[word.START_NS] < 0:
        flow[word.START_NS] = state[word.CLOCK_NS]
        flow[word.END_NS] = state[word.CLOCK_NS]
    flow[word.TOLD_NS] = state[word.CLOCK_NS]
    flow[word.TOLD_PACKETS] = flow[word.PACKETS] + flow[word.PACKETS + 1]
    row = rows[state[word.AT_ROW]]
    row[: word.FLOW_WHOLES] = flow
    row[word.ROW_AT] = state[word.AT_FRAME]
    row[word.ROW_LAST] = last
    row[word.ROW_SLOT] = slot
    row[word.ROW_OUTCOME] = outcome_of(flow, ACK)
    state[word.AT_ROW] += 1


@njit(nogil=True, cache=True)
def end_flow(slot: int, flows: Words, index: Words, free: Words, state: Words, salt: int) -> None:
    """Drop a flow; its place is free again."""
    forget(flows, index, flows[slot], word.KEY_WHOLES, salt)
    flows[slot, word.ALIVE] = 0
    free[state[word.FREE]] = slot
    state[word.FREE] += 1


@njit(nogil=True, cache=True)
def tell_outcome(flow: Words, slot: int, state: Words, rows: Words) -> None:
    """Tell a flow when its outcome is settled, once."""
    if flow[word.OUTCOME_TOLD] or state[word.CLOCK_NS] == word.NO_CLOCK:
        return
    if outcome_of(flow, ACK) in (word.REFUSED_OUTCOME, word.ANSWERED):
        flow[word.OUTCOME_TOLD] = 1
        tell(flow, slot, False, state, rows)
