using System.Net;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Net;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

/// <summary>One association on a simulated network, with what happened to it.</summary>
internal sealed class DataChannelPeer(DataChannelAssociation association, TransportAddress remote) : ISimulatedEndpoint
{
    public DataChannelAssociation Association { get; } = association;

    /// <summary>Called for each message instead of keeping it; the handler owns the message.</summary>
    public Action<ushort, DataChannelMessage>? MessageHandler { get; set; }

    /// <summary>Whether kept messages count as taken by the application.</summary>
    public bool ConsumesMessages { get; set; } = true;

    public List<DataChannelEvent> Events { get; } = [];

    public List<(ushort Channel, byte[] Data, DataChannelMessageType Type)> Messages { get; } = [];

    public TimeSpan NextTimeout => Association.NextTimeout;

    public bool Has(DataChannelEventKind kind) => Events.Exists(e => e.Kind == kind);

    public int Count(DataChannelEventKind kind) => Events.Count(e => e.Kind == kind);

    public DataChannelEvent Single(DataChannelEventKind kind) => Events.Where(e => e.Kind == kind).ShouldHaveSingleItem();

    public void HandleDatagram(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram)
    {
        Association.HandlePacket(now, datagram);
        ReadEvents();
    }

    public void HandleTimeout(TimeSpan now)
    {
        Association.HandleTimeout(now);
        ReadEvents();
    }

    public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress to)
    {
        to = remote;
        return Association.TryWritePacket(now, destination, out written);
    }

    public void ReadEvents()
    {
        while (Association.TryReadEvent(out var e))
        {
            if (e.Message is null)
                Events.Add(e);
            else if (MessageHandler is { } handler)
                handler(e.ChannelId, e.Message);
            else
                Keep(e.ChannelId, e.Message);
        }
    }

    private void Keep(ushort channel, DataChannelMessage message)
    {
        Messages.Add((channel, message.Data.ToArray(), message.Type));
        if (ConsumesMessages)
            Association.MessageConsumed(message.Data.Length);
        message.Dispose();
    }
}

/// <summary>Two associations on one simulated network.</summary>
internal sealed class DataChannelPair
{
    private static readonly IPAddress clients = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress servers = IPAddress.Parse("192.0.2.2");

    public DataChannelPair(NetworkConditions? conditions = null, int seed = 1, SctpOptions? clientOptions = null, SctpOptions? serverOptions = null)
        : this(new SimulatedNetwork(seed, conditions ?? NetworkConditions.Perfect), 1, seed, clientOptions, serverOptions)
    {
    }

    /// <summary>One of several pairs on a network, told apart by their numbers.</summary>
    public DataChannelPair(SimulatedNetwork network, int number, int seed, SctpOptions? clientOptions = null, SctpOptions? serverOptions = null)
    {
        Network = network;
        var (clientAddress, serverAddress) = (TransportAddress.From(clients, number), TransportAddress.From(servers, number));
        Client = new DataChannelPeer(new DataChannelAssociation(Seeded(clientOptions, 2 * seed), isDtlsClient: true), serverAddress);
        Server = new DataChannelPeer(new DataChannelAssociation(Seeded(serverOptions ?? clientOptions, 2 * seed + 1), isDtlsClient: false), clientAddress);
        Network.Attach(clientAddress, Client);
        Network.Attach(serverAddress, Server);
    }

    public SimulatedNetwork Network { get; }

    public DataChannelPeer Client { get; }

    public DataChannelPeer Server { get; }

    public TimeSpan Now => Network.Now;

    public static bool IsFromClient(TransportAddress source) => source == TransportAddress.From(clients, source.Port);

    /// <summary>Both sides start at once and become established.</summary>
    public static DataChannelPair Connected(NetworkConditions? conditions = null, int seed = 1, SctpOptions? clientOptions = null, SctpOptions? serverOptions = null)
    {
        var pair = new DataChannelPair(conditions, seed, clientOptions, serverOptions);
        pair.Start();
        pair.RunUntil(() => pair.AreEstablished);
        return pair;
    }

    public bool AreEstablished => Client.Has(DataChannelEventKind.Established) && Server.Has(DataChannelEventKind.Established);

    public void Start()
    {
        Client.Association.Start(Now);
        Server.Association.Start(Now);
    }

    /// <summary>Opens a channel from the client and waits until both sides know it.</summary>
    public ushort Open(DataChannelOptions? options = null)
    {
        var id = Client.Association.OpenChannel(Now, "test", options ?? DataChannelOptions.Default);
        RunUntil(() => Client.Events.Exists(e => e.Kind == DataChannelEventKind.ChannelAcknowledged && e.ChannelId == id));
        return id;
    }

    public void RunUntil(Func<bool> condition, int limitSeconds = 60) =>
        Network.RunUntil(condition, TimeSpan.FromSeconds(limitSeconds)).ShouldBeTrue("the condition did not come true in time");

    public void Settle(int seconds = 5) => Network.RunFor(TimeSpan.FromSeconds(seconds));

    private static SctpOptions Seeded(SctpOptions? options, int seed)
    {
        var random = new Random(seed);
        return (options ?? SctpOptions.Default) with { NextRandom = () => (uint)random.NextInt64(uint.MaxValue + 1L) };
    }
}
