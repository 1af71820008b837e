/* SPDX-License-Identifier: Apache-2.0 */
/* Line commands, for programs that drive a guest: each command is answered by one line, a JSON object. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>

#include "guest.h"

#define LINE_BYTES (2 * PAGE_BYTES + 256) /* a whole page in hex, and a command before it */
#define MAX_WORDS 8

struct command {
    const char *name;
    const char *arguments; /* for help */
    int min_words;         /* arguments, the name not counted */
    int max_words;
    void (*run)(struct guest *guest, char **words, int n);
};

static void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void refuse(const char *format, ...) {
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("{\"error\":", stdout);
    json_string(stdout, text);
    fputs("}\n", stdout);
}

static bool number(const char *text, uint64_t max, uint64_t *value) {
    if (parse_number(text, max, value)) return true;
    refuse("not a number up to %llu: %s", (unsigned long long)max, text);
    return false;
}

/* What a run of operations came to. */
struct outcome {
    long result;         /* of the last call */
    uint64_t operations; /* that the service was given */
    uint64_t failed;
    uint64_t first_failed_bfn;
    int32_t first_failed_status;
};

static void count_statuses(const struct guest *guest, uint32_t count, struct outcome *outcome) {
    uint32_t i;

    for (i = 0; i < count; i++) {
        struct iommu_map_op op = guest->ops[i];

        if (op.status == IOMMU_STATUS_OK) continue;
        if (outcome->failed++ > 0) continue;
        outcome->first_failed_bfn = op.bfn;
        outcome->first_failed_status = op.status;
    }
}

static void print_outcome(const char *command, const struct outcome *outcome) {
    printf("{\"command\":\"%s\",\"result\":%ld,\"result_name\":\"%s\",\"operations\":%llu,\"failed\":%llu", command,
           outcome->result, status_name(outcome->result), (unsigned long long)outcome->operations,
           (unsigned long long)outcome->failed);
    if (outcome->failed)
        printf(",\"first_failed_bfn\":%llu,\"first_failed_status\":%d,\"first_failed_status_name\":\"%s\"",
               (unsigned long long)outcome->first_failed_bfn, outcome->first_failed_status,
               status_name(outcome->first_failed_status));
    puts("}");
}

/* `count` operations from bfn and mfn on, in as many calls as --batch makes of them; stops when a call fails. */
static void run_operations(struct guest *guest, const char *name, unsigned int cmd, struct iommu_map_op first,
                           uint64_t count) {
    struct outcome outcome = {.result = 0};
    uint64_t done = 0;

    while (done < count && outcome.result == 0) {
        uint64_t left = count - done;
        uint32_t n = left < guest->options->batch ? (uint32_t)left : guest->options->batch;
        uint32_t i;

        for (i = 0; i < n; i++) guest_set_op(guest, i, first.bfn + done + i, first.mfn + done + i, first.flags, 0);
        outcome.result = guest_call(guest, cmd, n);
        count_statuses(guest, n, &outcome);
        done += n;
    }
    outcome.operations = done;
    print_outcome(name, &outcome);
}

static void run_map(struct guest *guest, char **words, int n) {
    struct iommu_map_op op = {.flags = 0};
    uint64_t count = 1;

    if (!number(words[0], UINT64_MAX, &op.bfn) || !number(words[1], UINT64_MAX, &op.mfn)) return;
    if (!parse_flags(words[2], &op.flags)) {
        refuse("flags are r, w, rw, none or a number: %s", words[2]);
        return;
    }
    if (n > 3 && !number(words[3], UINT64_MAX, &count)) return;
    run_operations(guest, "map", IOMMUOP_map_page, op, count);
}

static void run_unmap(struct guest *guest, char **words, int n) {
    struct iommu_map_op op = {.flags = 0};
    uint64_t count = 1;

    if (!number(words[0], UINT64_MAX, &op.bfn)) return;
    if (n > 1 && !number(words[1], UINT64_MAX, &count)) return;
    run_operations(guest, "unmap", IOMMUOP_unmap_page, op, count);
}

static void run_lookup(struct guest *guest, char **words, int n) {
    struct iommu_map_op op;
    uint64_t bfn;
    long result;

    (void)n;
    if (!number(words[0], UINT64_MAX, &bfn)) return;
    guest_set_op(guest, 0, bfn, 0, 0, 0);
    result = guest_call(guest, IOMMUOP_lookup_page, 1);
    op = guest->ops[0];
    printf("{\"command\":\"lookup\",\"result\":%ld,\"result_name\":\"%s\",\"bfn\":%llu,\"status\":%d,"
           "\"status_name\":\"%s\",\"mfn\":%llu,\"flags\":%u}\n",
           result, status_name(result), (unsigned long long)bfn, op.status, status_name(op.status),
           (unsigned long long)op.mfn, op.flags);
}

/* The bytes at a place inside one page; NULL, with the answer given, if there are none. */
static unsigned char *place(const struct guest *guest, const char *mfn_text, const char *offset_text, uint64_t length) {
    uint64_t mfn;
    uint64_t offset;
    unsigned char *page;

    if (!number(mfn_text, UINT64_MAX, &mfn) || !number(offset_text, PAGE_BYTES - 1, &offset)) return NULL;
    page = guest_page(guest, mfn);
    if (!page)
        refuse("mfn=0x%llx is outside [0x%llx, 0x%llx]", (unsigned long long)mfn, (unsigned long long)guest->first_mfn,
               (unsigned long long)guest->last_mfn);
    else if (length > PAGE_BYTES - offset)
        refuse("offset=%llu length=%llu runs over the page", (unsigned long long)offset, (unsigned long long)length);
    else
        return page + offset;
    return NULL;
}

static void run_read(struct guest *guest, char **words, int n) {
    unsigned char *bytes;
    uint64_t length;
    uint64_t i;

    (void)n;
    if (!number(words[2], PAGE_BYTES, &length)) return;
    bytes = place(guest, words[0], words[1], length);
    if (!bytes) return;
    fputs("{\"command\":\"read\",\"hex\":\"", stdout);
    for (i = 0; i < length; i++) printf("%02x", bytes[i]);
    puts("\"}");
}

static void run_write(struct guest *guest, char **words, int n) {
    unsigned char data[PAGE_BYTES];
    unsigned char *bytes;
    size_t length;

    (void)n;
    if (!parse_hex(words[2], data, sizeof data, &length)) {
        refuse("not 1 to %llu bytes in hex", (unsigned long long)PAGE_BYTES);
        return;
    }
    bytes = place(guest, words[0], words[1], length);
    if (!bytes) return;
    memcpy(bytes, data, length);
    printf("{\"command\":\"write\",\"bytes\":%zu}\n", length);
}

/* Frames of [first, first + count - 1] that a fill may write: not the operation arrays. */
static bool frames(const struct guest *guest, char **words, int n, uint64_t *first, uint64_t *count) {
    *count = 1;
    if (!number(words[0], UINT64_MAX, first)) return false;
    if (n > 1 && !number(words[1], UINT64_MAX, count)) return false;
    if (*first >= guest->first_mfn && *first < guest->scratch_mfn && *count <= guest->scratch_mfn - *first) return true;
    refuse("mfn=0x%llx count=%llu is outside [0x%llx, 0x%llx]", (unsigned long long)*first, (unsigned long long)*count,
           (unsigned long long)guest->first_mfn, (unsigned long long)guest->scratch_mfn - 1);
    return false;
}

static void run_fill(struct guest *guest, char **words, int n) {
    uint64_t first;
    uint64_t count;
    uint64_t i;

    if (!frames(guest, words, n, &first, &count)) return;
    for (i = 0; i < count; i++) pattern_fill(guest_page(guest, first + i), first + i, guest->options->pattern);
    printf("{\"command\":\"fill\",\"pages\":%llu}\n", (unsigned long long)count);
}

static void run_check(struct guest *guest, char **words, int n) {
    uint64_t first;
    uint64_t count;
    uint64_t intact = 0;
    uint64_t i;

    if (!frames(guest, words, n, &first, &count)) return;
    for (i = 0; i < count; i++) {
        size_t offset = pattern_check(guest_page(guest, first + i), first + i, guest->options->pattern);

        if (offset == PAGE_BYTES) intact++;
        else if (intact == i)
            printf("{\"command\":\"check\",\"first_changed_mfn\":%llu,\"first_changed_offset\":%zu,",
                   (unsigned long long)(first + i), offset);
    }
    printf("%s\"pages\":%llu,\"intact\":%llu}\n", intact == count ? "{\"command\":\"check\"," : "",
           (unsigned long long)count, (unsigned long long)intact);
}

/* Any call whatever, also nonsense. */
static void run_call(struct guest *guest, char **words, int n) {
    uint64_t cmd;
    uint64_t address;
    uint64_t count;
    long result;

    (void)n;
    if (!number(words[0], UINT32_MAX, &cmd) || !number(words[1], UINT64_MAX, &address) ||
        !number(words[2], UINT32_MAX, &count))
        return;
    result = guest_call_at(guest, (unsigned int)cmd, address, (unsigned int)count);
    printf("{\"command\":\"call\",\"result\":%ld,\"result_name\":\"%s\"}\n", result, status_name(result));
}

/* How the service answered a request that is not a call. */
static void print_answer(struct guest *guest, const char *command, int error) {
    if (error == PVIOMMU_GONE) guest->lost = true;
    printf("{\"command\":\"%s\",\"result\":%d,\"message\":", command, error);
    json_string(stdout, error ? pviommu_last_error() : "");
    puts("}");
}

static void run_grant(struct guest *guest, char **words, int n) {
    struct pviommu_grant grant = {.nr_pages = 0};
    uint64_t grantee;

    (void)n;
    if (!number(words[0], UINT64_MAX, &grant.first_mfn) || !number(words[1], UINT64_MAX, &grant.nr_pages) ||
        !number(words[2], UINT32_MAX, &grantee) || !number(words[3], UINT64_MAX, &grant.grantee_first_mfn))
        return;
    grant.grantee_id = (uint32_t)grantee;
    grant.writeable = strcmp(words[4], "rw") == 0;
    if (!grant.writeable && strcmp(words[4], "r") != 0) {
        refuse("access is r or rw: %s", words[4]);
        return;
    }
    print_answer(guest, "grant", pviommu_grant(guest->service, &grant));
}

static void run_revoke(struct guest *guest, char **words, int n) {
    uint64_t grantee;
    uint64_t mfn;

    if (!number(words[0], UINT32_MAX, &grantee) || !number(words[1], UINT64_MAX, &mfn)) return;
    if (n > 2 && strcmp(words[2], "force") != 0) {
        refuse("the third word can only be force: %s", words[2]);
        return;
    }
    print_answer(guest, "revoke", pviommu_revoke(guest->service, (uint32_t)grantee, mfn, n > 2));
}

/* Waits for the next service after this one's end, at most so many milliseconds. */
static void run_reconnect(struct guest *guest, char **words, int n) {
    uint64_t timeout_ms;
    int error;

    (void)n;
    if (!number(words[0], 1000000, &timeout_ms)) return;
    error = pviommu_reconnect(guest->service, (int)timeout_ms);
    if (!error) guest->lost = false;
    print_answer(guest, "reconnect", error);
}

static void run_help(struct guest *guest, char **words, int n);

static const struct command commands[] = {
    {"map", "BFN MFN FLAGS [COUNT]", 3, 4, run_map},
    {"unmap", "BFN [COUNT]", 1, 2, run_unmap},
    {"lookup", "BFN", 1, 1, run_lookup},
    {"read", "MFN OFFSET LENGTH", 3, 3, run_read},
    {"write", "MFN OFFSET HEX", 3, 3, run_write},
    {"fill", "MFN [COUNT]", 1, 2, run_fill},
    {"check", "MFN [COUNT]", 1, 2, run_check},
    {"call", "CMD GUEST_ADDRESS COUNT", 3, 3, run_call},
    {"grant", "MFN PAGES GRANTEE GRANTEE_MFN r|rw", 5, 5, run_grant},
    {"revoke", "GRANTEE GRANTEE_MFN [force]", 2, 3, run_revoke},
    {"reconnect", "MILLISECONDS", 1, 1, run_reconnect},
    {"help", "", 0, 0, run_help},
    {"quit", "", 0, 0, NULL},
};

#define NR_COMMANDS (sizeof commands / sizeof commands[0])

static void run_help(struct guest *guest, char **words, int n) {
    size_t i;

    (void)guest;
    (void)words;
    (void)n;
    fputs("{\"command\":\"help\",\"commands\":[", stdout);
    for (i = 0; i < NR_COMMANDS; i++)
        printf("%s\"%s%s%s\"", i ? "," : "", commands[i].name, *commands[i].arguments ? " " : "",
               commands[i].arguments);
    puts("]}");
}

static const struct command *find(const char *name) {
    size_t i;

    for (i = 0; i < NR_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int split(char *line, char **words) {
    char *rest = NULL;
    char *word = strtok_r(line, " \t\r\n", &rest);
    int n = 0;

    while (word && n < MAX_WORDS) {
        words[n++] = word;
        word = strtok_r(NULL, " \t\r\n", &rest);
    }
    return n;
}

/* False: the end was asked for, or the service is gone. */
static bool obey(struct guest *guest, char *line) {
    char *words[MAX_WORDS];
    int n = split(line, words) - 1;
    const struct command *command;

    if (n < 0) return true;
    command = find(words[0]);
    if (!command)
        refuse("unknown command: %.100s; try help", words[0]);
    else if (n < command->min_words || n > command->max_words)
        refuse("usage: %s %s", command->name, command->arguments);
    else if (!command->run)
        puts("{\"command\":\"quit\"}");
    else
        command->run(guest, words + 1, n);
    fflush(stdout);
    return !guest->lost && !(command && !command->run);
}

/* Takes the rest of a line that was too long, so that its tail is not obeyed as a command. */
static void skip_line(FILE *in) {
    int c;

    do c = fgetc(in);
    while (c != '\n' && c != EOF);
    refuse("line is longer than bytes=%llu", (unsigned long long)LINE_BYTES - 2);
    fflush(stdout);
}

void interactive(struct guest *guest, FILE *in) {
    static char line[LINE_BYTES];

    puts("{\"phase\":\"interactive\"}");
    fflush(stdout);
    while (fgets(line, sizeof line, in)) {
        if (!strchr(line, '\n') && !feof(in))
            skip_line(in);
        else if (!obey(guest, line))
            return;
    }
}
