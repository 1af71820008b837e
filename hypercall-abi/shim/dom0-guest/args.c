/* SPDX-License-Identifier: Apache-2.0 */
/* Command line. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

/* Arrays of one call beyond this would be most of a small guest. */
#define BATCH_MAX (1U << 20)

static const char help_text[] =
    "Usage: dom0-guest --socket PATH [options]\n"
    "\n"
    "Acts as a Dom0 kernel: registers memory with the PV-IOMMU service, maps all of it 1:1\n"
    "(bfn = mfn, read and write) by batched hypercalls, and checks every status.\n"
    "\n"
    "  --socket PATH         the service's ring socket (or PVI_RING_SOCKET)\n"
    "  --guest ID            act as this guest (default 0)\n"
    "  --memory SIZE         memory of the guest (default 1G)\n"
    "  --first-mfn MFN       its first machine frame (default 0)\n"
    "  --batch N             operations per call, 1 to 1048576 (default 128)\n"
    "  --spin N              looks for the result before sleeping, 0 = sleep at once\n"
    "                        (default: what the service suggests)\n"
    "\n"
    "What is mapped; RANGE is FIRST or FIRST-LAST, in frames, inclusive:\n"
    "  --read-only RANGE     map these pages readable only\n"
    "  --left-out RANGE      do not map these pages\n"
    "  --reserved-mfn RANGE  the service keeps these frames for the hypervisor: expect EPERM\n"
    "  --reserved-bfn RANGE  an endpoint reserves these bfns: expect EADDRNOTAVAIL\n"
    "  --no-map              map nothing at the start\n"
    "\n"
    "What else is done, in this order:\n"
    "  --patterns            before the map: what a Dom0 kernel does with the interface, pattern by\n"
    "                        pattern (docs/guest-side.md), each result looked up; leaves nothing mapped\n"
    "  --endpoint ID         let this endpoint use the second address space of --patterns: a number,\n"
    "                        segment << 16 | bus << 8 | device << 3 | function. Ends in address space 0\n"
    "  --fill PATTERN        before the map: fill the memory so that a DMA reader can check it.\n"
    "                        Word i (u64) of frame mfn is (mfn ^ PATTERN) + i * 0x9e3779b97f4a7c15;\n"
    "                        'default' is 0x50564931. The operation arrays at the end are left out\n"
    "  --bad-batch           send operations and calls that must fail; check each status\n"
    "  --load-ops N          unmap and map N operations: pages of a batch swap their frames and\n"
    "                        swap them back; N is rounded up to whole rounds of four calls\n"
    "  --batches N           after that, work: map and unmap N batches of --batch pages in bfns\n"
    "                        behind the memory; ends with what is mapped then\n"
    "  --seconds N           the same until so many seconds are over; SIGUSR1 ends the work, too\n"
    "  --log FILE            write what the work asks for before each call, and what was answered\n"
    "                        after it (docs/ring-transport.md)\n"
    "  --reconnect SECONDS   work on when the service dies and is back within this time\n"
    "  --interactive         obey line commands from stdin; 'help' lists them\n"
    "  --check-page RANGE    at the end: these frames must still hold the --fill pattern\n"
    "  --leave               do not unmap before the end (the service does it)\n"
    "\n"
    "  --json                one JSON object per phase on stdout\n"
    "  --help                this text\n"
    "\n"
    "Numbers are decimal or 0x hex; sizes take K, M, G, T.\n"
    "Exit code: 0 everything as expected, 1 something was not, 2 usage, 3 no service.\n"
    "\n"
    "Examples:\n"
    "  dom0-guest --socket /run/pvi/ring.sock --memory 256M --load-ops 1000000 --json\n"
    "  dom0-guest --socket ring.sock --bad-batch --reserved-mfn 0x100 --reserved-bfn 0xfee00-0xfeeff\n"
    "  dom0-guest --socket ring.sock --guest 1 --memory 64M --no-map --patterns --endpoint 0x10008\n"
    "  dom0-guest --socket ring.sock --memory 64M --read-only 0x10-0x1f --left-out 0x20 --fill default --interactive\n";

enum option_id {
    OPT_SOCKET = 1,
    OPT_GUEST,
    OPT_MEMORY,
    OPT_FIRST_MFN,
    OPT_BATCH,
    OPT_SPIN,
    OPT_READ_ONLY,
    OPT_LEFT_OUT,
    OPT_RESERVED_MFN,
    OPT_RESERVED_BFN,
    OPT_NO_MAP,
    OPT_FILL,
    OPT_PATTERNS,
    OPT_ENDPOINT,
    OPT_BAD_BATCH,
    OPT_LOAD_OPS,
    OPT_INTERACTIVE,
    OPT_CHECK_PAGE,
    OPT_LEAVE,
    OPT_JSON,
    OPT_BATCHES,
    OPT_SECONDS,
    OPT_LOG,
    OPT_RECONNECT,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"guest", required_argument, NULL, OPT_GUEST},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"first-mfn", required_argument, NULL, OPT_FIRST_MFN},
    {"batch", required_argument, NULL, OPT_BATCH},
    {"spin", required_argument, NULL, OPT_SPIN},
    {"read-only", required_argument, NULL, OPT_READ_ONLY},
    {"left-out", required_argument, NULL, OPT_LEFT_OUT},
    {"reserved-mfn", required_argument, NULL, OPT_RESERVED_MFN},
    {"reserved-bfn", required_argument, NULL, OPT_RESERVED_BFN},
    {"no-map", no_argument, NULL, OPT_NO_MAP},
    {"fill", required_argument, NULL, OPT_FILL},
    {"patterns", no_argument, NULL, OPT_PATTERNS},
    {"endpoint", required_argument, NULL, OPT_ENDPOINT},
    {"bad-batch", no_argument, NULL, OPT_BAD_BATCH},
    {"load-ops", required_argument, NULL, OPT_LOAD_OPS},
    {"interactive", no_argument, NULL, OPT_INTERACTIVE},
    {"check-page", required_argument, NULL, OPT_CHECK_PAGE},
    {"leave", no_argument, NULL, OPT_LEAVE},
    {"json", no_argument, NULL, OPT_JSON},
    {"batches", required_argument, NULL, OPT_BATCHES},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"log", required_argument, NULL, OPT_LOG},
    {"reconnect", required_argument, NULL, OPT_RECONNECT},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

void args_help(FILE *out) {
    fputs(help_text, out);
}

static bool parse_u32(const char *text, uint32_t max, uint32_t *value) {
    uint64_t number;

    if (!parse_number(text, max, &number)) return false;
    *value = (uint32_t)number;
    return true;
}

static bool parse_pattern(const char *text, struct options *options) {
    options->fill = true;
    if (strcmp(text, "default") != 0) return parse_number(text, UINT64_MAX, &options->pattern);
    options->pattern = PATTERN_DEFAULT;
    return true;
}

static bool set_switch(int id, struct options *options) {
    switch (id) {
    case OPT_NO_MAP:
        options->map = false;
        return true;
    case OPT_PATTERNS:
        return options->patterns = true;
    case OPT_BAD_BATCH:
        return options->bad_batch = true;
    case OPT_INTERACTIVE:
        return options->interactive = true;
    case OPT_LEAVE:
        return options->leave = true;
    case OPT_JSON:
        return options->json = true;
    default:
        return false;
    }
}

/* False if the value does not parse; range checks over several options come later. */
static bool set_value(int id, const char *text, struct options *options) {
    switch (id) {
    case OPT_SOCKET:
        options->socket = text;
        return true;
    case OPT_GUEST:
        return parse_u32(text, UINT32_MAX, &options->guest_id);
    case OPT_MEMORY:
        return parse_size(text, &options->memory_bytes);
    case OPT_FIRST_MFN:
        return parse_number(text, UINT64_MAX, &options->first_mfn);
    case OPT_BATCH:
        return parse_u32(text, BATCH_MAX, &options->batch) && options->batch > 0;
    case OPT_SPIN:
        options->spin_set = true;
        return parse_u32(text, UINT32_MAX, &options->spin_iterations);
    case OPT_READ_ONLY:
        return parse_range(text, &options->read_only);
    case OPT_LEFT_OUT:
        return parse_range(text, &options->left_out);
    case OPT_RESERVED_MFN:
        return parse_range(text, &options->reserved_mfn);
    case OPT_RESERVED_BFN:
        return parse_range(text, &options->reserved_bfn);
    case OPT_FILL:
        return parse_pattern(text, options);
    case OPT_ENDPOINT:
        options->endpoint_set = true;
        return parse_u32(text, UINT32_MAX, &options->endpoint);
    case OPT_LOAD_OPS:
        return parse_number(text, UINT64_MAX / 2, &options->load_operations);
    case OPT_BATCHES:
        return parse_number(text, UINT64_MAX, &options->batches) && options->batches > 0;
    case OPT_SECONDS:
        return parse_number(text, UINT32_MAX, &options->seconds) && options->seconds > 0;
    case OPT_LOG:
        options->log = text;
        return true;
    case OPT_RECONNECT:
        options->reconnect = true;
        return parse_u32(text, 1000000, &options->reconnect_seconds);
    case OPT_CHECK_PAGE:
        return parse_range(text, &options->check_page);
    default:
        return set_switch(id, options);
    }
}

static void set_defaults(struct options *options) {
    memset(options, 0, sizeof *options);
    options->socket = getenv("PVI_RING_SOCKET");
    options->memory_bytes = 1ULL << 30;
    options->batch = 128;
    options->pattern = PATTERN_DEFAULT;
    options->map = true;
}

/* Frames for one batch besides the arrays, and bus frames for all windows behind the memory. */
static bool has_room_for_work(const struct options *options) {
    uint64_t nr_pages = options->memory_bytes / PAGE_BYTES;
    uint64_t windows = (uint64_t)WORK_WINDOWS * options->batch;
    uint64_t array_pages = (options->batch * sizeof(struct iommu_map_op) + PAGE_BYTES - 1) / PAGE_BYTES;

    return nr_pages >= options->batch + array_pages + 2 && options->first_mfn + nr_pages + windows < 1ULL << 51;
}

/* What no single option can tell. A sentence, or NULL. */
static const char *check_together(const struct options *options) {
    uint64_t nr_pages = options->memory_bytes / PAGE_BYTES;
    uint64_t max_mfn = (UINT64_MAX >> IOMMU_PAGE_SHIFT) - 1; /* the byte after the memory has an address, too */
    uint64_t needed = options->batch < OPS_MIN ? OPS_MIN : options->batch;

    if (!options->socket) return "--socket is missing";
    if (options->memory_bytes % PAGE_BYTES != 0) return "--memory is not a whole number of 4K pages";
    /* Room for the arrays, and as much again to do something with. */
    if (options->memory_bytes < 2 * needed * sizeof(struct iommu_map_op) + 32 * PAGE_BYTES)
        return "--memory is too small for --batch";
    if (options->first_mfn > max_mfn || nr_pages - 1 > max_mfn - options->first_mfn)
        return "--first-mfn plus --memory ends beyond mfn 0xffffffffffffe";
    if (options->check_page.set && !options->fill) return "--check-page needs --fill";
    if (options->endpoint_set && !options->patterns) return "--endpoint needs --patterns";
    if (options->patterns && options->memory_bytes < PATTERNS_MIN_PAGES * PAGE_BYTES)
        return "--memory is too small for --patterns: 2M at least";
    if ((options->log || options->reconnect) && !options->batches && !options->seconds)
        return "--log and --reconnect need the work of --batches or --seconds";
    if ((options->batches || options->seconds) && !has_room_for_work(options))
        return "--memory is too small for --batch, or --first-mfn too large, to work with";
    if (!options->map && (options->load_operations || options->bad_batch))
        return "--load-ops and --bad-batch need the map that --no-map leaves out";
    return NULL;
}

enum args_result args_parse(int argc, char **argv, struct options *options, char *error, size_t error_bytes) {
    const char *problem;
    int index = 0;
    int id;

    set_defaults(options);
    optind = 0; /* start anew, also in a process that has parsed before */
    opterr = 0;
    while ((id = getopt_long(argc, argv, "+", long_options, &index)) != -1) {
        if (id == OPT_HELP) return ARGS_HELP;
        if (id == '?' || id == ':') {
            snprintf(error, error_bytes, "unknown option, or value missing: %s", argv[optind - 1]);
            return ARGS_WRONG;
        }
        if (!set_value(id, optarg, options)) {
            snprintf(error, error_bytes, "--%s: not a valid value: %s", long_options[index].name, optarg);
            return ARGS_WRONG;
        }
    }
    problem = optind < argc ? "there are arguments that belong to no option" : check_together(options);
    if (!problem) return ARGS_RUN;
    snprintf(error, error_bytes, "%s", problem);
    return ARGS_WRONG;
}
