using Registry.WebRtc;

namespace Registry.Interop.Tests;

/// <summary>What must work with every foreign stack, whoever makes the offer.</summary>
public abstract class PeerContract(PeerFixture fixture)
{
    private static readonly int ourMaximum = PeerConnectionConfiguration.Default.MaxMessageSize;

    private static readonly PeerConnectionConfiguration impatient = new()
    {
        ConsentInterval = TimeSpan.FromMilliseconds(500),
        DisconnectedTimeout = TimeSpan.FromSeconds(1),
        FailedTimeout = TimeSpan.FromSeconds(3),
    };

    private PeerProfile Profile => fixture.Profile;

    [PeerTheory]
    [InlineData(Offerer.We, DataChannelMessageType.Binary)]
    [InlineData(Offerer.We, DataChannelMessageType.Text)]
    [InlineData(Offerer.ThePeer, DataChannelMessageType.Binary)]
    [InlineData(Offerer.ThePeer, DataChannelMessageType.Text)]
    public async Task Messages_of_every_size_arrive_whole(Offerer offerer, DataChannelMessageType type)
    {
        await using var session = await fixture.ConnectAsync(offerer);
        session.First.MaxMessageSize.ShouldBe(Profile.MaxMessageSize);

        foreach (var size in new[] { 0, 1, 16 * 1024, Profile.MaxMessageSize, 1, 0 })
            await SendAndCheckAsync(session, session.First, index: 0, size, type);

        foreach (var size in new[] { 0, 1, 16 * 1024, ourMaximum, 1, 0 }.Where(size => size > 0 || Profile.SendsEmptyMessages))
        {
            await session.Theirs.SendAsync(session.First.Label, 1, size, type);
            await ReceiveAndCheckAsync(session, session.First, index: 0, size, type);
        }
    }

    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task A_thousand_messages_arrive_in_order_in_both_directions_at_once(Offerer offerer)
    {
        const int Count = 1000, Size = 1000;
        await using var session = await fixture.ConnectAsync(offerer);

        await Task.WhenAll(
            session.Theirs.SendAsync(session.First.Label, Count, Size),
            SendManyAsync(session.First, Count, Size),
            CheckManyAsync(session, session.First, Count, Size),
            CheckManyAtPeerAsync(session, session.First, Count, Size));
    }

    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task Four_megabytes_are_echoed(Offerer offerer)
    {
        const int Count = 256, Size = 16 * 1024;
        await using var session = await fixture.ConnectAsync(offerer);
        await session.Theirs.EchoAsync(session.First.Label);

        await Task.WhenAll(SendManyAsync(session.First, Count, Size), CheckManyAsync(session, session.First, Count, Size));

        session.First.BufferedAmount.ShouldBe(0);
    }

    [PeerTheory]
    [InlineData(Offerer.We, Offerer.We)]
    [InlineData(Offerer.We, Offerer.ThePeer)]
    [InlineData(Offerer.ThePeer, Offerer.We)]
    [InlineData(Offerer.ThePeer, Offerer.ThePeer)]
    public async Task A_transfer_goes_on_over_an_ICE_restart(Offerer offerer, Offerer restarter)
    {
        const int Count = 40, Size = 16 * 1024, RoundsAfter = 3;
        await using var session = await fixture.ConnectAsync(offerer);
        var before = session.Ours.LocalDescription!.Sdp;
        await session.Theirs.EchoAsync(session.First.Label);

        // What cannot restart gives no answer.
        Task restart = Profile.RestartsIce ? session.RestartAsync(restarter) : session.OfferRestartAsync();
        for (var after = 0; after < RoundsAfter;)
        {
            await Task.WhenAll(SendManyAsync(session.First, Count, Size), CheckManyAsync(session, session.First, Count, Size));
            if (restart.IsCompleted)
                after++;
        }
        await restart;

        session.Ours.ConnectionState.ShouldBe(PeerConnectionState.Connected);
        session.Ours.LocalDescription!.Sdp.ShouldNotBe(before);
    }

    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task Channel_closed_by_us_delivers_what_was_sent_and_closes_at_the_peer(Offerer offerer)
    {
        const int Count = 100, Size = 10_000;
        await using var session = await fixture.ConnectAsync(offerer);

        await SendManyAsync(session.First, Count, Size);
        if (!Profile.KeepsMessagesOfClosedChannel)
            await CheckManyAtPeerAsync(session, session.First, Count, Size);
        session.First.Close();

        if (Profile.KeepsMessagesOfClosedChannel)
            await CheckManyAtPeerAsync(session, session.First, Count, Size);
        await session.Theirs.ChannelClosedAsync(session.First.Label);
        await session.ReceiveEndAsync(session.First);
        await CheckThatNewChannelsWorkAsync(session);
    }

    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task Channel_closed_by_the_peer_delivers_what_was_sent_and_closes_here(Offerer offerer)
    {
        const int Count = 100, Size = 10_000;
        await using var session = await fixture.ConnectAsync(offerer);

        await session.Theirs.SendAsync(session.First.Label, Count, Size);
        if (!Profile.DeliversBeforeClosing)
            await CheckManyAsync(session, session.First, Count, Size);
        await session.Theirs.CloseChannelAsync(session.First.Label);

        if (Profile.DeliversBeforeClosing)
            await CheckManyAsync(session, session.First, Count, Size);
        await session.ReceiveEndAsync(session.First);
        await session.Theirs.ChannelClosedAsync(session.First.Label);
        await Should.ThrowAsync<DataChannelClosedException>(async () => await session.First.SendAsync(new byte[1]));
        await CheckThatNewChannelsWorkAsync(session);
    }

    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task Channels_keep_their_options_and_their_messages_apart(Offerer offerer)
    {
        const int Count = 50, Size = 1000;
        await using var session = await fixture.ConnectAsync(offerer);

        var (ours, opened) = await session.OpenChannelAsync("ours", new() { Ordered = false, Protocol = "sub.ours" });
        var theirs = await session.LetOpenChannelAsync("theirs", new() { MaxRetransmits = 100, Protocol = "sub.theirs" });
        var unordered = await session.LetOpenChannelAsync("unordered", new() { Ordered = false });

        opened.Protocol.ShouldBe("sub.ours");
        if (Profile.TellsChannelOptions)
            (opened.Ordered, opened.MaxRetransmits).ShouldBe((false, null));
        (theirs.Options.Ordered, theirs.Options.MaxRetransmits, theirs.Protocol).ShouldBe((true, (ushort?)100, "sub.theirs"));
        (unordered.Options.Ordered, unordered.Options.MaxRetransmits, unordered.Protocol).ShouldBe((false, null, ""));

        IDataChannel[] channels = [session.First, ours, theirs, unordered];
        await Task.WhenAll(channels.Select(channel => session.Theirs.EchoAsync(channel.Label)));
        var together = Profile.TakesInterleavedChannels ? channels.Length : 1;
        foreach (var group in channels.Chunk(together))
            await Task.WhenAll(group.SelectMany(channel => ExchangeAsync(channel, Size + Array.IndexOf(channels, channel))));

        Task[] ExchangeAsync(IDataChannel channel, int size) =>
            [SendManyAsync(channel, Count, size), CheckManyAsync(session, channel, Count, size, channel.Options.Ordered)];
    }

    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task Connects_with_all_candidates_in_the_descriptions(Offerer offerer)
    {
        await using var session = await fixture.ConnectAsync(offerer, trickle: false);

        await CheckThatMessagesPassAsync(session, session.First);
    }

    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task Connection_closed_by_the_peer_ends_our_channels(Offerer offerer)
    {
        await using var session = await fixture.ConnectAsync(offerer, Profile.TellsThatItCloses ? PeerConnectionConfiguration.Default : impatient);
        await CheckThatMessagesPassAsync(session, session.First);

        await session.Theirs.CloseAsync();

        await session.ReceiveEndAsync(session.First);
        if (!Profile.TellsThatItCloses)
            session.Ours.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.ConsentExpired);
    }

    [PeerTheory]
    [InlineData(Offerer.We)]
    [InlineData(Offerer.ThePeer)]
    public async Task Connection_closed_by_us_ends_the_peers_channels(Offerer offerer)
    {
        await using var session = await fixture.ConnectAsync(offerer);
        await CheckThatMessagesPassAsync(session, session.First);
        var before = fixture.OpenConnections;

        await session.Ours.DisposeAsync();

        await session.Theirs.ChannelClosedAsync(session.First.Label);
        fixture.OpenConnections.ShouldBe(before - 1);
    }

    private static async Task CheckThatNewChannelsWorkAsync(InteropSession session)
    {
        await CheckThatMessagesPassAsync(session, (await session.OpenChannelAsync("ours again")).Channel);
        await CheckThatMessagesPassAsync(session, await session.LetOpenChannelAsync("theirs again"));
    }

    internal static async Task CheckThatMessagesPassAsync(InteropSession session, IDataChannel channel)
    {
        const int Size = 5000;
        await SendAndCheckAsync(session, channel, index: 0, Size, DataChannelMessageType.Binary);
        await session.Theirs.SendAsync(channel.Label, 1, Size);
        await ReceiveAndCheckAsync(session, channel, index: 0, Size, DataChannelMessageType.Binary);
    }

    private static async Task SendAndCheckAsync(InteropSession session, IDataChannel channel, int index, int size, DataChannelMessageType type)
    {
        await channel.SendAsync(MessageContent.Of(type, index, size), type);
        CheckAtPeer(await session.Theirs.NextMessageAsync(channel.Label), index, size, type);
    }

    private static void CheckAtPeer(PeerEvent message, int index, int size, DataChannelMessageType type)
    {
        (message.Type, message.Size).ShouldBe((type == DataChannelMessageType.Text ? "text" : "binary", size));
        message.Checksum.ShouldBe(MessageContent.Checksum(MessageContent.Of(type, index, size)), $"content of message {index}, {size} bytes");
    }

    private static async Task ReceiveAndCheckAsync(InteropSession session, IDataChannel channel, int index, int size, DataChannelMessageType type)
    {
        var message = await session.ReceiveAsync(channel);
        (message.Type, message.Data.Length).ShouldBe((type, size));
        message.Data.AsSpan().SequenceEqual(MessageContent.Of(type, index, size)).ShouldBeTrue($"content of message {index}, {size} bytes");
    }

    private protected static async Task SendManyAsync(IDataChannel channel, int count, int size)
    {
        for (var i = 0; i < count; i++)
            await channel.SendAsync(MessageContent.Binary(i, size));
    }

    private protected static async Task CheckManyAsync(InteropSession session, IDataChannel channel, int count, int size, bool ordered = true)
    {
        if (ordered)
        {
            for (var i = 0; i < count; i++)
                await ReceiveAndCheckAsync(session, channel, i, size, DataChannelMessageType.Binary);
            return;
        }

        var received = new List<uint>();
        while (received.Count < count)
            received.Add(MessageContent.Checksum((await session.ReceiveAsync(channel)).Data));
        received.ShouldBe(Enumerable.Range(0, count).Select(i => MessageContent.Checksum(MessageContent.Binary(i, size))), ignoreOrder: true);
    }

    private static async Task CheckManyAtPeerAsync(InteropSession session, IDataChannel channel, int count, int size)
    {
        for (var i = 0; i < count; i++)
            CheckAtPeer(await session.Theirs.NextMessageAsync(channel.Label), i, size, DataChannelMessageType.Binary);
    }
}
