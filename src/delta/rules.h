// What ticklake knows of the protocol's features, and what a table may be: pure checks.
#pragma once

#include "delta/delta.h"
#include "delta/state.h"

namespace ticklake::delta {

// Unsupported: names every feature without which the table cannot be read rightly.
Result<void> check_readable(const State& state);

// Unsupported: names every feature that a writer must know and ticklake does not.
Result<void> check_writable(const State& state);

// The lowest protocol that holds both `metadata` and what the table has already.
Protocol protocol_for(const Metadata& metadata, const Protocol& current);

bool operator==(const Protocol& a, const Protocol& b);

// "134217728", "128mb", "1 gb": bytes; nothing where the text is no size above 0.
std::optional<int64_t> byte_count(std::string_view text);

}  // namespace ticklake::delta
