using System.Security.Claims;
using Registry.Host.Security;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>What the registry says, in the words of the HTTP interface.</summary>
internal static class Bodies
{
    extension(TubeCreatedBody)
    {
        public static TubeCreatedBody Of(TubeCreated created) =>
            new(created.TubeId.ToString(), created.ConversationId.ToString(), created.Node, created.State.Text)
            {
                Offer = created.Offer,
                Answer = created.Answer,
                LocalListenAddress = created.LocalListenAddress,
            };
    }

    extension(CloseReasonBody)
    {
        public static CloseReasonBody Of(CloseReason reason) => new(reason.Code, reason.Name, reason.IsCritical, reason.IsRetryable);
    }

    extension(TubeConversationBody)
    {
        public static TubeConversationBody Of(ConversationSnapshot conversation) =>
            new(conversation.ConversationId.ToString(), conversation.Type, conversation.IsOpen) { LocalListenAddress = conversation.LocalListenAddress, Target = conversation.Target };
    }

    extension(TrafficBody)
    {
        public static TrafficBody Of(TubeTraffic traffic) =>
            new(traffic.BytesSent, traffic.BytesReceived, traffic.MessagesSent, traffic.MessagesReceived, traffic.RoundTripTime?.TotalMilliseconds)
            {
                LastSentAt = traffic.LastSentAt,
                LastReceivedAt = traffic.LastReceivedAt,
            };
    }

    extension(TubeBody)
    {
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
            ClosedBy = tube.ClosedBy,
        };
    }

    extension(CapacityBody)
    {
        public static CapacityBody Of(RegistryCapacity capacity) => new()
        {
            CanAcceptMore = capacity.CanAcceptMore,
            IsDraining = capacity.IsDraining,
            ActiveCreates = capacity.ActiveCreates,
            MaxConcurrentCreates = capacity.MaxConcurrentCreates,
            Waiting = capacity.Waiting,
            MaxWaiting = capacity.MaxWaiting,
            LoadPercentage = capacity.LoadPercentage,
            SuggestedDelayMs = capacity.SuggestedDelayMs,
            AvgCreateTimeMs = capacity.AvgCreateTimeMs,
            TotalCreates = capacity.TotalCreates,
            TotalFailures = capacity.TotalFailures,
            TotalRejected = capacity.TotalRejected,
            Tubes = capacity.Tubes,
            MaxTubes = capacity.MaxTubes,
            MaxTubesPerOwner = capacity.MaxTubesPerOwner,
            StaleTubesRemoved = capacity.StaleTubesRemoved,
            CloseTimeouts = capacity.CloseTimeouts,
            ReconcilerFindings = capacity.ReconcilerFindings,
            DrainDeadlineMs = capacity.DrainDeadlineMs,
            DrainUntil = capacity.DrainUntil,
        };
    }

    extension(NodeBody)
    {
        public static NodeBody Of(NodeSnapshot node) => new(node.Node, node.Address, node.State.Text)
        {
            Load = node.Capacity?.LoadPercentage,
            Capacity = node.Capacity is { } capacity ? CapacityBody.Of(capacity) : null,
            Version = node.Version,
            Since = node.Since,
            SupersededTubes = node.SupersededTubes,
        };
    }

    extension(CallerBody)
    {
        public static CallerBody Of(ClaimsPrincipal user) => new([.. Roles.All.Where(user.IsInRole)]) { Owner = new Caller(user).Owner };
    }

    extension(DescriptionBody)
    {
        public static DescriptionBody Of(DescriptionMade made) => new(made.TubeId.ToString(), made.Type == DescriptionType.Offer ? "offer" : "answer", made.Sdp);
    }

    extension(SignalBody)
    {
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
}
