using System.Threading.Channels;
using Registry.WebRtc;

namespace Registry.Interop.Tests;

/// <summary>Who makes the offer, and so opens the first channel.</summary>
public enum Offerer
{
    We,
    ThePeer,
}

/// <summary>Which candidates reach the other side; with trickle only.</summary>
/// <param name="Ours">Of ours, those that the peer is told.</param>
/// <param name="Theirs">Of the peer's, those that we are told.</param>
internal sealed record CandidateFilter(Func<IceCandidate, bool> Ours, Func<IceCandidate, bool> Theirs)
{
    public static readonly CandidateFilter None = new(_ => true, _ => true);

    /// <summary>Whether the peer is told ours when it has found all of its own: what finds a path before that looks no further.</summary>
    public bool OursLast { get; init; }
}

/// <summary>One of our peer connections and one of a foreign peer, connected to each other.</summary>
internal sealed class InteropSession : IAsyncDisposable
{
    private const string FirstLabel = "first";
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    private readonly Channel<IceCandidate?> candidates = Channel.CreateUnbounded<IceCandidate?>();
    private readonly Channel<IDataChannel> receivedChannels = Channel.CreateUnbounded<IDataChannel>();
    private readonly TaskCompletionSource gathered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource theirsEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool trickle;
    private readonly CandidateFilter filter;

    private InteropSession(IPeerConnection ours, ForeignConnection theirs, bool trickle, CandidateFilter filter)
    {
        (Ours, Theirs, this.trickle, this.filter) = (ours, theirs, trickle, filter);
        theirs.OurSide = DescribeOurs;
        ours.IceCandidateFound += candidate => candidates.Writer.TryWrite(candidate);
        ours.DataChannelReceived += channel => receivedChannels.Writer.TryWrite(channel);
        ours.IceGatheringStateChanged += state =>
        {
            if (state == IceGatheringState.Complete)
                gathered.TrySetResult();
        };
    }

    public IPeerConnection Ours { get; }

    public ForeignConnection Theirs { get; }

    /// <summary>Our end of the channel that was there from the start.</summary>
    public IDataChannel First { get; private set; } = null!;

    /// <summary>Connects, and waits until the first channel is open on both sides.</summary>
    public static async Task<InteropSession> ConnectAsync(
        ForeignPeer peer, IPeerConnectionFactory factory, PeerConnectionConfiguration? configuration, Offerer offerer, bool trickle, IceServer? theirServer = null,
        CandidateFilter? filter = null)
    {
        var theirs = await peer.CreateConnectionAsync(trickle, theirServer);
        var session = new InteropSession(factory.CreatePeerConnection(configuration), theirs, trickle, filter ?? CandidateFilter.None);
        try
        {
            await (offerer == Offerer.We ? session.OfferAsync() : session.AnswerAsync());
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Restarts ICE from either side, and waits until both have each other's candidates.</summary>
    public async Task RestartAsync(Offerer restarter)
    {
        if (restarter == Offerer.We)
        {
            await Theirs.SetRemoteDescriptionAsync(await OfferRestartAsync());
            var sending = SendCandidatesAsync();
            await Ours.SetRemoteDescriptionAsync(await Theirs.DescribeAsync(SdpType.Answer));
            await Task.WhenAll(sending, ReceiveCandidatesAsync());
        }
        else
        {
            await Ours.SetRemoteDescriptionAsync(await Theirs.RestartAsync());
            await Theirs.SetRemoteDescriptionAsync(await DescribeAsync(await Ours.CreateAnswerAsync()));
            await Task.WhenAll(SendCandidatesAsync(), ReceiveCandidatesAsync());
        }
    }

    /// <summary>Our offer that restarts ICE, applied on our side.</summary>
    public async Task<SessionDescription> OfferRestartAsync()
    {
        Ours.RestartIce();
        return await DescribeAsync(await Ours.CreateOfferAsync());
    }

    /// <summary>Opens a channel from our side and waits until it is open on both.</summary>
    public async Task<(IDataChannel Channel, PeerEvent Opened)> OpenChannelAsync(string label, DataChannelOptions? options = null)
    {
        var channel = Ours.CreateDataChannel(label, options);
        await WithinAsync(channel.WaitForOpenAsync(), $"our channel '{label}' to open");
        return (channel, await Theirs.ChannelOpenedAsync(label));
    }

    /// <summary>Lets the peer open a channel and waits until it is open on both sides.</summary>
    public async Task<IDataChannel> LetOpenChannelAsync(string label, DataChannelOptions? options = null)
    {
        await Theirs.CreateChannelAsync(label, options ?? DataChannelOptions.Default);
        return await AcceptChannelAsync(label);
    }

    /// <summary>Takes the next message of a channel and copies its content.</summary>
    public async Task<(DataChannelMessageType Type, byte[] Data)> ReceiveAsync(IDataChannel channel)
    {
        using var message = await WithinAsync(channel.ReceiveAsync().AsTask(), $"a message on channel '{channel.Label}'");
        message.ShouldNotBeNull($"channel '{channel.Label}' closed");
        return (message.Type, message.Data.ToArray());
    }

    /// <summary>Takes what the channel tells when it has been closed: no message.</summary>
    public async Task ReceiveEndAsync(IDataChannel channel)
    {
        using var message = await WithinAsync(channel.ReceiveAsync().AsTask(), $"the end of channel '{channel.Label}'");
        message.ShouldBeNull();
        channel.State.ShouldBe(DataChannelState.Closed);
    }

    /// <summary>Waits for something that our side has to do; a failure tells where the connection stands.</summary>
    public async Task<T> WithinAsync<T>(Task<T> task, string what)
    {
        await WithinAsync((Task)task, what);
        return await task;
    }

    /// <inheritdoc cref="WithinAsync{T}(Task{T}, string)"/>
    public async Task WithinAsync(Task task, string what)
    {
        try
        {
            await task.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Waited {patience.TotalSeconds:0} s for {what}. {DescribeOurs()}. "
                + $"Peer {Theirs.Peer.Profile.Name} is {Theirs.State} and told {Theirs.Messages} messages.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        candidates.Writer.TryComplete();
        await Ours.DisposeAsync();
        await Theirs.DisposeAsync();
    }

    private string DescribeOurs() =>
        $"Our connection is {Ours.ConnectionState}, ICE {Ours.IceConnectionState}, {Ours.SelectedCandidatePair}, failure {Ours.Failure}, "
        + $"first channel {First?.State} with {First?.BufferedAmount} bytes buffered, {Ours.GetStatistics()}";

    private async Task OfferAsync()
    {
        First = Ours.CreateDataChannel(FirstLabel);
        await Theirs.SetRemoteDescriptionAsync(await DescribeAsync(await Ours.CreateOfferAsync()));
        var sending = SendCandidatesAsync();
        await Ours.SetRemoteDescriptionAsync(await Theirs.DescribeAsync(SdpType.Answer));
        await Task.WhenAll(sending, ReceiveCandidatesAsync());
        await WithinAsync(First.WaitForOpenAsync(), "our first channel to open");
        await Theirs.ChannelOpenedAsync(FirstLabel);
    }

    private async Task AnswerAsync()
    {
        await Theirs.CreateChannelAsync(FirstLabel, DataChannelOptions.Default);
        await Ours.SetRemoteDescriptionAsync(await Theirs.DescribeAsync(SdpType.Offer));
        await Theirs.SetRemoteDescriptionAsync(await DescribeAsync(await Ours.CreateAnswerAsync()));
        await Task.WhenAll(SendCandidatesAsync(), ReceiveCandidatesAsync());
        First = await AcceptChannelAsync(FirstLabel);
    }

    private async Task<SessionDescription> DescribeAsync(SessionDescription description)
    {
        await Ours.SetLocalDescriptionAsync(description);
        if (trickle)
            return description;
        await WithinAsync(gathered.Task, "our candidates");
        return Ours.LocalDescription!;
    }

    private async Task SendCandidatesAsync()
    {
        if (!trickle)
            return;
        if (filter.OursLast)
            await WithinAsync(theirsEnded.Task, "the end of the peer's candidates");
        while (await WithinAsync(candidates.Reader.ReadAsync().AsTask(), "our candidates") is { } candidate)
        {
            if (filter.Ours(candidate))
                await Theirs.AddCandidateAsync(candidate.ToString());
        }
    }

    private async Task ReceiveCandidatesAsync()
    {
        if (!trickle)
            return;
        while (await Theirs.NextCandidateAsync() is { Length: > 0 } line)
        {
            var candidate = IceCandidate.Parse(line);
            if (filter.Theirs(candidate))
                await Ours.AddIceCandidateAsync(candidate);
        }
        await Ours.AddIceCandidateAsync(null);
        theirsEnded.TrySetResult();
    }

    private async Task<IDataChannel> AcceptChannelAsync(string label)
    {
        var channel = await WithinAsync(receivedChannels.Reader.ReadAsync().AsTask(), $"the peer's channel '{label}'");
        channel.Label.ShouldBe(label);
        await WithinAsync(channel.WaitForOpenAsync(), $"the peer's channel '{label}' to open");
        await Theirs.ChannelOpenedAsync(label);
        return channel;
    }
}
