using Registry.Actors.Admission;
using Registry.Actors.Channels;
using Registry.Actors.ReadModel;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>What the tubes of a node share.</summary>
internal sealed record TubeContext(
    string Node,
    RegistrySettings Settings,
    TubeDirectory Directory,
    CreateAdmission Admission,
    ConversationFactory Conversations,
    IPeerConnectionFactory Connections,
    PeerConnectionConfiguration? ConnectionConfiguration);
