// Records whose values have a schema: what a source writes as JSON becomes framed Avro or JSON on
// its way into the topic. Private to the folder.
#pragma once

#include <memory>

#include "sources/sources.h"

namespace ticklake::sources {

// The columns of the source's records.
Schema record_columns(const SourceSpec& spec);

// The topics, but what is written to the spec's topic is framed. Looks the schema up, or registers
// it. Both must outlive it. Invalid: no registry, or it refuses the schema.
Result<std::unique_ptr<broker::Topics>> framing_topics(
    const SourceSpec& spec, broker::Topics& topics,
    const std::shared_ptr<broker::SchemaRegistry>& registry);

}  // namespace ticklake::sources
