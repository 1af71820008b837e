package org.pviommu.systemtests.differential;

/** What a run must have seen to be worth anything, besides statuses and results. */
enum Event {
    EARLY_FLUSH("early flush"),
    OWED_HIT("hit on an owed entry inside a batch"),
    FLUSH_FAILURE("failed flush"),
    LONG_UNMAP("long unmap"),
    UNDONE_REMAP("remap undone"),
    WRITTEN_OVER("array written over during a call"),

    GRANT_GIVEN("grant given"),
    GRANT_REFUSED("grant refused"),
    GRANT_OVER_REVOKED("grant given over a revoked one"),
    GRANT_REVOKED("grant revoked"),
    GRANT_FORCED("grant revoked by force, mappings removed"),
    GRANT_FORCE_UNFINISHED("grant revoked by force, the host did not let go"),
    GRANTED_FRAME_MAPPED("granted frame mapped"),
    REVOKED_FRAME_REFUSED("map of a revoked frame refused"),
    READ_ONLY_FRAME_REFUSED("writable map of a read-only grant refused"),

    DEATH("death completed"),
    DEATH_WITH_MAPPINGS("death with live mappings"),
    DEATH_REFUSED("death refused by the host"),
    DEATH_AWAITS_GRANTEE("death waits for a grantee"),
    DEATH_RETRIED("death completed later"),
    BIRTH_REFUSED("birth refused by the host"),
    BIRTH_HALF_WAY("birth refused by the host, which does not let go"),
    NUMBER_TAKEN("number still taken"),

    UNREGISTER_MAPPED("unregister refused: mapped"),
    UNREGISTER_GRANTED("unregister refused: granted"),
    UNREGISTER_FLUSHED("unregister after a flush of what was owed"),
    UNREGISTER_UNKNOWN("unregister refused: no such region"),
    REGION_REPLACED("region replaced"),
    REGISTER_REFUSED("register refused");

    final String text;

    Event(String text) {
        this.text = text;
    }
}
