/* What the stack declares. */

#undef NDEBUG
#include <assert.h>
#include <string.h>

#include "fake.h"

int main(void) {
    fake_config("readers", "group:data@example.com");
    assert(fake_run() == NULL);
    assert(fake_has("storage.googleapis.com/BucketIamMember::reader-0", "\"member\":\"group:data@example.com\""));
    assert(strcmp(fake_output("artifacts"), "\"gs://${storage.googleapis.com/Bucket::artifacts#name}\"") == 0);
    return 0;
}
