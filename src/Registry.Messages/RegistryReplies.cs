using System.Collections.Immutable;

namespace Registry.Messages;

/// <summary>The answer to a command.</summary>
public abstract record RegistryReply : IRegistryProtocol;

/// <summary>The command was carried out.</summary>
public sealed record Done : RegistryReply
{
    /// <summary>The only instance needed.</summary>
    public static readonly Done Instance = new();
}

/// <summary>The tube exists and the asker's next step is to deliver the description.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Node">The node that holds it.</param>
/// <param name="State">Its state when this was written.</param>
public sealed record TubeCreated(TubeId TubeId, ConversationId ConversationId, string Node, TubeState State) : RegistryReply
{
    /// <summary>Base64 of the SDP offer, when the asker gave none and the tube is new.</summary>
    public string? Offer { get; init; }

    /// <summary>Base64 of the SDP answer to the asker's offer.</summary>
    public string? Answer { get; init; }

    /// <summary>The address the conversation listens on, as <c>ip:port</c> with the real port, or null when it does not listen.</summary>
    public string? LocalListenAddress { get; init; }
}

/// <summary>A description that the asker has to deliver to the tube's peer.</summary>
/// <param name="TubeId">The tube.</param>
/// <param name="Type">Offer or answer.</param>
/// <param name="Sdp">Base64 of SDP.</param>
public sealed record DescriptionMade(TubeId TubeId, DescriptionType Type, string Sdp) : RegistryReply;

/// <summary>What is known of a tube.</summary>
/// <param name="Snapshot">The tube at this moment.</param>
public sealed record TubeFound(TubeSnapshot Snapshot) : RegistryReply;

/// <summary>The statistics of a live tube.</summary>
/// <param name="Statistics">What was read.</param>
public sealed record StatisticsRead(TubeStatistics Statistics) : RegistryReply;

/// <summary>A page of live tubes.</summary>
/// <param name="Page">The page.</param>
public sealed record TubesRead(TubePage Page) : RegistryReply;

/// <summary>Signals of a tube.</summary>
/// <param name="Signals">In order; empty when none came in time. A <see cref="SignalsMissed"/> stands for what is no longer kept.</param>
/// <param name="Ended">Whether nothing follows.</param>
public sealed record SignalsRead(ImmutableArray<TubeSignal> Signals, bool Ended) : RegistryReply;

/// <summary>What happened to the tubes of a node.</summary>
/// <param name="Run">Names the node's run: its changes are counted from 1 in each.</param>
/// <param name="LastSequence">The number of the last change the reader knows after this.</param>
/// <param name="Changes">In order; empty when none came in time.</param>
/// <param name="Missed">Whether changes after the reader's number are no longer kept, or it was of another run: list the node's tubes and go on after <paramref name="LastSequence"/>.</param>
public sealed record EventsRead(string Run, long LastSequence, ImmutableArray<TubeSignal> Changes, bool Missed) : RegistryReply;

/// <summary>The nodes of the cluster.</summary>
/// <param name="Nodes">In the order of their names.</param>
public sealed record NodesRead(ImmutableArray<NodeSnapshot> Nodes) : RegistryReply;

/// <summary>The registry's load.</summary>
/// <param name="Capacity">The load at this moment.</param>
public sealed record CapacityRead(RegistryCapacity Capacity) : RegistryReply;

/// <summary>Why a command was refused, for programs.</summary>
public enum RefusalCode
{
    /// <summary>A setting is missing, unknown, of the wrong type or not allowed here; see <see cref="Refused.Key"/>.</summary>
    InvalidSettings,
    /// <summary>A field of the request other than the settings is wrong; see <see cref="Refused.Key"/>.</summary>
    InvalidRequest,
    /// <summary>The conversation is live; see <see cref="Refused.TubeId"/>.</summary>
    ConversationExists,
    /// <summary>No such conversation.</summary>
    ConversationNotFound,
    /// <summary>No such tube.</summary>
    TubeNotFound,
    /// <summary>The tube is still being made.</summary>
    TubeNotReady,
    /// <summary>The tube is ending.</summary>
    TubeClosing,
    /// <summary>The node has too many creates in flight, or too many tubes; another node may do it. See <see cref="Refused.RetryAfter"/>.</summary>
    Overloaded,
    /// <summary>The owner has as many tubes as it may; a close of one makes room.</summary>
    OwnerLimit,
    /// <summary>The tube has as many conversations as it may.</summary>
    ChannelLimit,
    /// <summary>The credentials for the relay could not be had; see <see cref="Refused.RetryAfter"/>.</summary>
    RelayUnavailable,
    /// <summary>The description is not base64 of UTF-8, or the SDP lacks something or comes at the wrong time.</summary>
    InvalidSdp,
    /// <summary>A candidate does not parse, or there are too many.</summary>
    InvalidCandidate,
    /// <summary>The address to listen on is in use or not available.</summary>
    ListenFailed,
    /// <summary>The create did not finish in time.</summary>
    CreateTimeout,
    /// <summary>The create was cancelled because its asker gave up.</summary>
    CreateCancelled,
    /// <summary>The create failed.</summary>
    CreateFailed,
    /// <summary>The node is stopping; another one can do it.</summary>
    Draining,
    /// <summary>A fault of the registry; the node's log has it.</summary>
    InternalError,
    /// <summary>A node of the cluster that must be asked does not answer; the cluster decides shortly whether it is gone.</summary>
    NodeUnreachable,
    /// <summary>ICE was restarted too often or too recently; see <see cref="Refused.RetryAfter"/>.</summary>
    IceRestartLimit,
    /// <summary>The node's audit cannot be written, and its mode is strict: nothing begins that would not be recorded. See <see cref="Refused.RetryAfter"/>.</summary>
    AuditUnavailable,
    /// <summary>No node of the cluster has this name.</summary>
    NodeNotFound,
    /// <summary>The WebRTC stack that the node runs on cannot do it; another node's, or the managed one, may.</summary>
    NotSupported,
}

/// <summary>The command was refused. This is a value, not an exception: it is part of the protocol.</summary>
/// <param name="Code">Why, for programs.</param>
/// <param name="Message">Why and what to do, for people.</param>
public sealed record Refused(RefusalCode Code, string Message) : RegistryReply
{
    /// <summary>The setting or field that is wrong.</summary>
    public string? Key { get; init; }

    /// <summary>The tube that stands in the way or was meant.</summary>
    public TubeId? TubeId { get; init; }

    /// <summary>Creates in flight when the command was refused.</summary>
    public int? ActiveCreates { get; init; }

    /// <summary>The limit that was reached.</summary>
    public int? Limit { get; init; }

    /// <summary>When trying again is worthwhile.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether the same command can succeed later.</summary>
    public bool Retryable => Code is RefusalCode.Overloaded or RefusalCode.OwnerLimit or RefusalCode.ChannelLimit or RefusalCode.RelayUnavailable or RefusalCode.Draining or RefusalCode.NodeUnreachable or RefusalCode.CreateTimeout or RefusalCode.TubeNotReady or RefusalCode.TubeClosing or RefusalCode.IceRestartLimit or RefusalCode.AuditUnavailable;
}

/// <summary>The codes as text.</summary>
public static class RefusalCodeText
{
    extension(RefusalCode code)
    {
        /// <summary>The code as machine-readable text, such as <c>conversation_exists</c>.</summary>
        public string Text => code switch
        {
            RefusalCode.InvalidSettings => "invalid_settings",
            RefusalCode.InvalidRequest => "invalid_request",
            RefusalCode.ConversationExists => "conversation_exists",
            RefusalCode.ConversationNotFound => "conversation_not_found",
            RefusalCode.TubeNotFound => "tube_not_found",
            RefusalCode.TubeNotReady => "tube_not_ready",
            RefusalCode.TubeClosing => "tube_closing",
            RefusalCode.Overloaded => "overloaded",
            RefusalCode.OwnerLimit => "owner_limit",
            RefusalCode.ChannelLimit => "channel_limit",
            RefusalCode.RelayUnavailable => "relay_unavailable",
            RefusalCode.InvalidSdp => "invalid_sdp",
            RefusalCode.InvalidCandidate => "invalid_candidate",
            RefusalCode.ListenFailed => "listen_failed",
            RefusalCode.CreateTimeout => "create_timeout",
            RefusalCode.CreateCancelled => "create_cancelled",
            RefusalCode.CreateFailed => "create_failed",
            RefusalCode.Draining => "draining",
            RefusalCode.InternalError => "internal_error",
            RefusalCode.NodeUnreachable => "node_unreachable",
            RefusalCode.IceRestartLimit => "ice_restart_limit",
            RefusalCode.AuditUnavailable => "audit_unavailable",
            RefusalCode.NodeNotFound => "node_not_found",
            RefusalCode.NotSupported => "not_supported",
            _ => throw new ArgumentOutOfRangeException(nameof(code), code, "Not a refusal code."),
        };
    }
}
