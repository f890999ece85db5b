// The sources of each form; sources.h opens the one that a spec asks for.
#pragma once

#include <memory>

#include "sources/sources.h"

namespace ticklake::sources {

Result<std::unique_ptr<Source>> open_synthetic(const SourceSpec& spec, broker::Topics& topics,
                                               const io::Clock& clock,
                                               const OpenOptions& options);

Result<std::unique_ptr<Source>> open_csv(const SourceSpec& spec, broker::Topics& topics,
                                         io::FileStore& files, const io::Clock& clock,
                                         const OpenOptions& options);

Result<std::unique_ptr<Source>> open_alpha_vantage(const SourceSpec& spec, broker::Topics& topics,
                                                   io::FileStore& files, const io::Clock& clock,
                                                   const OpenOptions& options);

}  // namespace ticklake::sources
