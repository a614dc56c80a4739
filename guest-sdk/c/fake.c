/* The host of tests. */

#include "fake.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

#define MOST 4096

struct entry {
    const char *name, *value, *options;
};
struct table {
    struct entry entries[MOST];
    size_t count;
};

static struct table config, secrets, resources, outputs;
/* The URNs of nodes. */
static const char *nodes[MOST];
static uint32_t node_count;

static void put(struct table *table, const char *name, const char *value, const char *options) {
    if (table->count == MOST) abort();
    table->entries[table->count++] = (struct entry){name, value, options};
}

/* The newest entry. */
static const struct entry *find(const struct table *table, const char *name) {
    for (size_t at = table->count; at > 0; at--) {
        if (strcmp(table->entries[at - 1].name, name) == 0) return &table->entries[at - 1];
    }
    return NULL;
}

void fake_config(const char *key, const char *value) { put(&config, stack_format("%s", key), stack_format("%s", value), ""); }
void fake_secret(const char *key) { put(&secrets, stack_format("%s", key), "", ""); }

const char *fake_run(void) {
    resources.count = outputs.count = node_count = 0;
    return stack_start();
}

size_t fake_count(void) { return resources.count; }

const char *fake_properties(const char *urn) {
    const struct entry *found = find(&resources, urn);
    return found == NULL ? NULL : found->value;
}

const char *fake_options(const char *urn) {
    const struct entry *found = find(&resources, urn);
    return found == NULL ? NULL : found->options;
}

const char *fake_output(const char *name) {
    const struct entry *found = find(&outputs, name);
    return found == NULL ? NULL : found->value;
}

bool fake_has(const char *urn, const char *json) {
    const char *properties = fake_properties(urn);
    return properties != NULL && strstr(properties, json) != NULL;
}

static uint32_t node(const char *urn) {
    if (node_count == MOST) abort();
    nodes[node_count] = urn;
    return node_count++;
}

/* The options with URNs for the nodes of `parent` and `dependsOn`: the numbers outside of strings up to the third field. */
static const char *named(const char *options) {
    const char *result = "";
    bool quoted = false, nodes_here = false;
    const char *word = options;
    for (const char *at = options; *at != 0;) {
        if (*at == '"' && (at == options || at[-1] != '\\')) {
            quoted = !quoted;
            if (quoted) word = at;
            else if (at[1] == ':') nodes_here = strncmp(word, "\"parent\"", 8) == 0 || strncmp(word, "\"dependsOn\"", 11) == 0;
        }
        if (!quoted && nodes_here && isdigit((unsigned char)*at)) {
            char *end;
            result = stack_format("%s\"%s\"", result, nodes[strtoul(at, &end, 10)]);
            at = end;
        } else {
            result = stack_format("%s%c", result, *at++);
        }
    }
    return result;
}

bool contract_declare(const char *kind, const char *name, const char *properties, const char *options, uint32_t *number,
                      struct problem *problem) {
    (void)problem;
    const char *urn = stack_format("%s::%s", kind, name);
    put(&resources, urn, properties, named(options));
    *number = node(urn);
    return true;
}

bool contract_lookup(const char *kind, const char *name, const char *properties, uint32_t *number,
                     struct problem *problem) {
    return contract_declare(kind, name, properties, "{}", number, problem);
}

bool contract_component(const char *kind, const char *name, const uint32_t *parent, uint32_t *number,
                        struct problem *problem) {
    (void)parent;
    (void)problem;
    *number = node(stack_format("%s::%s", kind, name));
    return true;
}

bool contract_attribute(uint32_t of, const char *path, const char **token, struct problem *problem) {
    (void)problem;
    *token = stack_format("${%s#%s}", nodes[of], path);
    return true;
}

bool contract_call(const char *name, const char *operands, const char **token, struct problem *problem) {
    (void)problem;
    *token = stack_format("${%s%s}", name, operands);
    return true;
}

bool contract_output(const char *name, const char *value, struct problem *problem) {
    (void)problem;
    put(&outputs, stack_format("%s", name), value, "");
    return true;
}

bool contract_directory(const char *path, const char *options, const char **answer, struct problem *problem) {
    (void)options;
    (void)problem;
    *answer = stack_format("{\"digest\":\"%064d\",\"archive\":\"${asset:%s}\",\"files\":1}", 0, path);
    return true;
}

const char *contract_get(const char *key) {
    const struct entry *found = find(&config, key);
    return found == NULL ? NULL : found->value;
}

const char *contract_secret(const char *key) {
    return find(&secrets, key) == NULL ? NULL : stack_format("${secret:%s}", key);
}

struct stack_target contract_target(void) { return (struct stack_target){"test", "test-project", "europe-west1"}; }

void contract_log(enum stack_level level, const char *message) {
    (void)level;
    (void)message;
}
