using Registry.Actors.Admission;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Actors.Metrics;
using Registry.Actors.ReadModel;
using Registry.Actors.Reconciling;
using Registry.Actors.Relay;
using Registry.Actors.Signals;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>What the tubes of a node share.</summary>
internal sealed record TubeContext(
    string Node,
    RegistrySettings Settings,
    TubeLimits Limits,
    TimeProvider Time,
    TubeDirectory Directory,
    RegistryReads Reads,
    RegistryEventLog Events,
    CreateAdmission Admission,
    RegistryMetrics Metrics,
    TubeHoldings Holdings,
    AuditTrail Audit,
    ConversationFactory Conversations,
    IPeerConnectionFactory Connections,
    PeerConnectionConfiguration ConnectionConfiguration,
    IceServers IceServers);
