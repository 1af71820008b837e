/* SPDX-License-Identifier: Apache-2.0 */
/* dom0-guest: a guest of the PV-IOMMU service, for demonstrations, tests and measurements. */
#include <signal.h>

#include "guest.h"

static void announce(const struct guest *guest) {
    const struct iommu_caps *caps = &guest->caps;

    fprintf(stderr, "guest %u: mfns [0x%llx, 0x%llx], aperture up to bfn 0x%llx, caps 0x%x\n",
            guest->options->guest_id, (unsigned long long)guest->first_mfn, (unsigned long long)guest->last_mfn,
            (unsigned long long)caps->max_bfn, caps->caps);
    if (!guest->options->json) return;
    printf("{\"phase\":\"connect\",\"guest\":%u,\"first_mfn\":%llu,\"last_mfn\":%llu,\"abi_version\":%u,\"caps\":%u,"
           "\"max_bfn\":%llu,\"max_mapped_frames\":%llu,\"max_held_frames\":%u,\"failed\":0}\n",
           guest->options->guest_id, (unsigned long long)guest->first_mfn, (unsigned long long)guest->last_mfn,
           caps->abi_version, caps->caps, (unsigned long long)caps->max_bfn,
           (unsigned long long)caps->max_mapped_frames, caps->max_held_frames);
    fflush(stdout);
}

/* Results that were not as expected, over all phases. */
static uint64_t run_phases(struct guest *guest) {
    const struct options *options = guest->options;
    uint64_t failed = 0;

    if (options->fill) failed += phase_fill(guest);
    if (options->patterns) failed += phase_patterns(guest);
    if (options->map && !guest->lost) failed += phase_map(guest);
    if (options->bad_batch && !guest->lost) failed += phase_bad_batch(guest);
    if (options->load_operations && !guest->lost) failed += phase_load(guest);
    if ((options->batches || options->seconds) && !guest->lost) failed += phase_work(guest);
    if (options->interactive && !guest->lost) interactive(guest, stdin);
    if (options->check_page.set) failed += phase_check(guest);
    /* After line commands only their author knows what is mapped. */
    if (options->map && !options->leave && !options->interactive && !guest->lost) failed += phase_unmap(guest);
    return failed;
}

int main(int argc, char **argv) {
    struct options options;
    struct guest guest;
    char problem[256];
    int code;

    switch (args_parse(argc, argv, &options, problem, sizeof problem)) {
    case ARGS_HELP:
        args_help(stdout);
        return EXIT_EXPECTED;
    case ARGS_WRONG:
        fprintf(stderr, "dom0-guest: %s\nTry 'dom0-guest --help'.\n", problem);
        return EXIT_USAGE;
    case ARGS_RUN:
        break;
    }
    signal(SIGPIPE, SIG_IGN); /* a reader of our output that leaves is no reason to drop the guest half-way */
    code = guest_start(&guest, &options);
    if (code == 0) {
        announce(&guest);
        if (run_phases(&guest) > 0) code = EXIT_UNEXPECTED;
        if (guest.lost) code = EXIT_UNREACHABLE;
    }
    guest_stop(&guest);
    return code;
}
