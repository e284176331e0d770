using System.Net;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>Two peer connections of two factories in this process, which signal to each other directly.</summary>
internal sealed class ConnectionPair : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly IPeerConnectionFactory offeringFactory;
    private readonly IPeerConnectionFactory answeringFactory;
    private readonly TaskCompletionSource<IDataChannel> received = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="offeringFactory">Makes the end that offers; the pair disposes it.</param>
    /// <param name="answeringFactory">Makes the end that answers; the pair disposes it.</param>
    /// <param name="configuration">Of both ends.</param>
    public ConnectionPair(IPeerConnectionFactory offeringFactory, IPeerConnectionFactory answeringFactory, PeerConnectionConfiguration? configuration = null)
    {
        this.offeringFactory = offeringFactory;
        this.answeringFactory = answeringFactory;
        Offerer = offeringFactory.CreatePeerConnection(configuration);
        Answerer = answeringFactory.CreatePeerConnection(configuration);
        Answerer.DataChannelReceived += channel => received.TrySetResult(channel);
    }

    public IPeerConnection Offerer { get; }
    public IPeerConnection Answerer { get; }
    public IPeerConnectionFactory OfferingFactory => offeringFactory;
    public IPeerConnectionFactory AnsweringFactory => answeringFactory;

    public static ConnectionPair Create(PeerConnectionConfiguration? configuration = null) =>
        new(CreateFactory(), CreateFactory(), configuration);

    /// <summary>A factory that stays on loopback.</summary>
    public static PeerConnectionFactory CreateFactory(bool socketPerConnection = false) =>
        PeerConnectionFactory.Create(LoopbackOptions with { SocketPerConnection = socketPerConnection });

    public static PeerConnectionFactoryOptions LoopbackOptions => new() { BindAddress = IPAddress.Loopback, HostAddresses = [IPAddress.Loopback] };

    /// <summary>Connects the two ends and returns the two ends of one channel, open.</summary>
    public async Task<(IDataChannel Offering, IDataChannel Answering)> ConnectAsync(DataChannelOptions? options = null, bool trickle = true)
    {
        var offering = Offerer.CreateDataChannel("test", options);
        await SignalAsync(Offerer, Answerer, trickle);
        await offering.WaitForOpenAsync().WaitAsync(Patience);
        var answering = await received.Task.WaitAsync(Patience);
        return (offering, answering);
    }

    /// <summary>Exchanges descriptions and candidates.</summary>
    public static async Task SignalAsync(IPeerConnection offerer, IPeerConnection answerer, bool trickle = true)
    {
        if (trickle)
        {
            offerer.IceCandidateFound += candidate => _ = answerer.AddIceCandidateAsync(candidate).AsTask();
            answerer.IceCandidateFound += candidate => _ = offerer.AddIceCandidateAsync(candidate).AsTask();
        }
        var offer = await offerer.CreateOfferAsync();
        await offerer.SetLocalDescriptionAsync(offer);
        await answerer.SetRemoteDescriptionAsync(trickle ? offer : offerer.LocalDescription!);
        var answer = await answerer.CreateAnswerAsync();
        await answerer.SetLocalDescriptionAsync(answer);
        await offerer.SetRemoteDescriptionAsync(trickle ? answer : answerer.LocalDescription!);
    }

    /// <summary>Waits until something is so.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await offeringFactory.DisposeAsync();
        await answeringFactory.DisposeAsync();
    }
}
