using System.Security.Claims;
using Registry.Host.Security;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>Answer to <c>POST /v1/tubes</c>.</summary>
internal sealed record TubeCreatedBody(string TubeId, string ConversationId, string Node, string State)
{
    public string? Offer { get; init; }
    public string? Answer { get; init; }
    public string? LocalListenAddress { get; init; }

    public static TubeCreatedBody Of(TubeCreated created) =>
        new(created.TubeId.ToString(), created.ConversationId.ToString(), created.Node, created.State.Text)
        {
            Offer = created.Offer,
            Answer = created.Answer,
            LocalListenAddress = created.LocalListenAddress,
        };
}

/// <summary>Answer to <c>POST /v1/tubes/{id}/tokens</c>.</summary>
internal sealed record TokenCreatedBody(string TubeId, string Token, DateTimeOffset ExpiresAt);

/// <summary>A close reason, as signals and tubes carry it.</summary>
internal sealed record CloseReasonBody(int Code, string Name, bool IsCritical, bool IsRetryable)
{
    public static CloseReasonBody Of(CloseReason reason) => new(reason.Code, reason.Name, reason.IsCritical, reason.IsRetryable);
}

/// <summary>One conversation of a tube.</summary>
internal sealed record TubeConversationBody(string ConversationId, string Type, bool IsOpen)
{
    public string? LocalListenAddress { get; init; }
    public string? Target { get; init; }

    public static TubeConversationBody Of(ConversationSnapshot conversation) =>
        new(conversation.ConversationId.ToString(), conversation.Type, conversation.IsOpen) { LocalListenAddress = conversation.LocalListenAddress, Target = conversation.Target };
}

/// <summary>A state a tube was in and since when.</summary>
internal sealed record TubeStateBody(string State, DateTimeOffset At);

/// <summary>A tube's counters of user bytes and messages.</summary>
internal sealed record TrafficBody(long BytesSent, long BytesReceived, long MessagesSent, long MessagesReceived, double? RoundTripMs)
{
    public DateTimeOffset? LastSentAt { get; init; }
    public DateTimeOffset? LastReceivedAt { get; init; }

    public static TrafficBody Of(TubeTraffic traffic) =>
        new(traffic.BytesSent, traffic.BytesReceived, traffic.MessagesSent, traffic.MessagesReceived, traffic.RoundTripTime?.TotalMilliseconds)
        {
            LastSentAt = traffic.LastSentAt,
            LastReceivedAt = traffic.LastReceivedAt,
        };
}

/// <summary>A tube.</summary>
internal sealed record TubeBody(string TubeId, string Node, string State, bool IsOfferer, DateTimeOffset CreatedAt)
{
    public string? Owner { get; init; }
    public required IReadOnlyList<TubeConversationBody> Conversations { get; init; }
    public required IReadOnlyList<TubeStateBody> History { get; init; }
    public string? SelectedPair { get; init; }
    public string? LocalAddress { get; init; }
    public string? RemoteAddress { get; init; }
    public TrafficBody? Traffic { get; init; }
    public CloseReasonBody? CloseReason { get; init; }
    public string? CloseText { get; init; }

    public static TubeBody Of(TubeSnapshot tube) => new(tube.TubeId.ToString(), tube.Node, tube.State.Text, tube.IsOfferer, tube.CreatedAt)
    {
        Owner = tube.Owner,
        Conversations = [.. tube.Conversations.Select(TubeConversationBody.Of)],
        History = [.. tube.History.Select(entry => new TubeStateBody(entry.State.Text, entry.At))],
        SelectedPair = tube.SelectedPair,
        LocalAddress = tube.LocalAddress,
        RemoteAddress = tube.RemoteAddress,
        Traffic = TrafficBody.Of(tube.Traffic),
        CloseReason = tube.CloseReason is { } reason ? CloseReasonBody.Of(reason) : null,
        CloseText = tube.CloseText,
    };
}

/// <summary>A page of a list.</summary>
internal sealed record ListBody<T>(IReadOnlyList<T> Items)
{
    /// <summary>Give it as <c>cursor</c> for the next page; left out on the last one.</summary>
    public string? NextCursor { get; init; }
    /// <summary>Nodes that did not answer.</summary>
    public IReadOnlyList<string> IncompleteNodes { get; init; } = [];
}

/// <summary>A node of the cluster.</summary>
internal sealed record NodeBody(string Node, string Address, string State)
{
    public int? Load { get; init; }
    public RegistryCapacity? Capacity { get; init; }
    public string? Version { get; init; }
    public DateTimeOffset? Since { get; init; }
    public long SupersededTubes { get; init; }

    public static NodeBody Of(NodeSnapshot node) => new(node.Node, node.Address, node.State.Text)
    {
        Load = node.Capacity?.LoadPercentage,
        Capacity = node.Capacity,
        Version = node.Version,
        Since = node.Since,
        SupersededTubes = node.SupersededTubes,
    };
}

/// <summary>Answer to <c>GET /v1/caller</c>: who asks and what that allows.</summary>
internal sealed record CallerBody(IReadOnlyList<string> Roles)
{
    public string? Owner { get; init; }

    public static CallerBody Of(ClaimsPrincipal user) => new([.. Security.Roles.All.Where(user.IsInRole)]) { Owner = new Caller(user).Owner };
}

/// <summary>A description for the tube's peer.</summary>
internal sealed record DescriptionBody(string TubeId, string Type, string Sdp)
{
    public static DescriptionBody Of(DescriptionMade made) => new(made.TubeId.ToString(), made.Type == DescriptionType.Offer ? "offer" : "answer", made.Sdp);
}

/// <summary>Where a conversation lives.</summary>
internal sealed record ConversationBody(string ConversationId, string Type, bool IsOpen, string TubeId, string Node, string State)
{
    public string? LocalListenAddress { get; init; }
}

/// <summary>A signal as the data of a server-sent event; members that do not belong to its kind are left out.</summary>
internal sealed record SignalBody(string TubeId, long Sequence, DateTimeOffset Time, string Kind)
{
    public string? Candidate { get; init; }
    public string? State { get; init; }
    public string? ChannelId { get; init; }
    public string? Outcome { get; init; }
    public CloseReasonBody? CloseReason { get; init; }
    public string? Text { get; init; }
    public long? First { get; init; }
    public DateTimeOffset? Deadline { get; init; }
    public string? Offer { get; init; }
    public string? Instruction { get; init; }

    public static SignalBody Of(TubeSignal signal)
    {
        var body = new SignalBody(signal.TubeId.ToString(), signal.Sequence, signal.Time, signal.Kind);
        return signal switch
        {
            IceCandidateFound found => body with { Candidate = found.Candidate },
            ConnectionStateChanged changed => body with { State = changed.State.Text },
            ChannelOpened opened => body with { ChannelId = opened.ChannelId },
            ChannelClosed closed => body with { ChannelId = closed.ChannelId, Outcome = closed.Outcome, CloseReason = CloseReasonBody.Of(closed.Reason) },
            TubeClosed closed => body with { CloseReason = CloseReasonBody.Of(closed.Reason), Text = closed.Text },
            IceRestartOffered restart => body with { Offer = restart.Offer },
            GuacdInstruction told => body with { ChannelId = told.ChannelId, Instruction = told.Instruction },
            NodeDraining draining => body with { Deadline = draining.Deadline },
            SignalsMissed missed => body with { First = missed.First },
            _ => body,
        };
    }
}
