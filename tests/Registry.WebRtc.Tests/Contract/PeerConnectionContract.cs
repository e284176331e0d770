using System.Security.Cryptography;
using System.Text;
using Registry.WebRtc.Tests.PeerConnections;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.Contract;

/// <summary>What every WebRTC stack must do, and any two of them with each other; over real sockets on loopback.</summary>
public abstract class PeerConnectionContract
{
    /// <summary>A factory of the stack that offers.</summary>
    protected abstract IPeerConnectionFactory CreateOffering();

    /// <summary>A factory of the stack that answers.</summary>
    protected abstract IPeerConnectionFactory CreateAnswering();

    private protected ConnectionPair CreatePair(PeerConnectionConfiguration? configuration = null) => new(CreateOffering(), CreateAnswering(), configuration);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_pair_connects_and_reports_its_states(bool trickle)
    {
        await using var pair = CreatePair();
        var (offering, answering) = (new StateLog(pair.Offerer), new StateLog(pair.Answerer));

        await pair.ConnectAsync(trickle: trickle);
        await offering.ReachAsync(PeerConnectionState.Connected);
        await answering.ReachAsync(PeerConnectionState.Connected);

        foreach (var states in new[] { offering, answering })
        {
            states.Seen.ShouldBe([PeerConnectionState.Connecting, PeerConnectionState.Connected]);
            states.Connection.SignalingState.ShouldBe(SignalingState.Stable);
            states.Connection.SelectedCandidatePair.ShouldNotBeNull().Remote.Address.ShouldBe("127.0.0.1");
            states.Connection.SelectedCandidatePair.ShouldNotBeNull().Local.Address.ShouldBe("127.0.0.1");
            states.Connection.IceGatheringState.ShouldBe(IceGatheringState.Complete);
            states.Connection.IceConnectionState.ShouldBeOneOf(IceConnectionState.Connected, IceConnectionState.Completed);
            states.Connection.Failure.ShouldBeNull();
            states.Connection.GetStatsReport().Transport.DtlsState.ShouldBe(DtlsTransportState.Connected);
        }
    }

    [Fact]
    public async Task Channels_of_either_side_keep_label_and_protocol_before_and_after_connecting()
    {
        await using var pair = CreatePair();
        var (atOfferer, atAnswerer) = (new ChannelLog(pair.Offerer), new ChannelLog(pair.Answerer));
        var early = pair.Offerer.CreateDataChannel("früh", new() { Protocol = "tube.v2" });
        var second = pair.Offerer.CreateDataChannel("second");
        await SignalAsync(pair.Offerer, pair.Answerer);
        await early.WaitForOpenAsync().WaitAsync(Patience);
        await second.WaitForOpenAsync().WaitAsync(Patience);
        var late = pair.Offerer.CreateDataChannel("late", new() { Protocol = "p" });
        var back = pair.Answerer.CreateDataChannel("back");

        foreach (var (here, there) in new[] { (early, atAnswerer), (second, atAnswerer), (late, atAnswerer), (back, atOfferer) })
        {
            await here.WaitForOpenAsync().WaitAsync(Patience);
            var peer = await there.TakeAsync(here.Label);
            peer.Protocol.ShouldBe(here.Protocol);
            peer.Id.ShouldBe(here.Id);
            peer.State.ShouldBe(DataChannelState.Open);
            await here.SendAsync(Encoding.UTF8.GetBytes(here.Label), DataChannelMessageType.Text);
            await peer.SendAsync(Encoding.UTF8.GetBytes(here.Label), DataChannelMessageType.Text);
            (await TakeTextAsync(peer)).ShouldBe(here.Label);
            (await TakeTextAsync(here)).ShouldBe(here.Label);
        }
    }

    [Fact]
    public async Task Messages_of_every_size_arrive_as_they_were_sent()
    {
        await using var pair = CreatePair();
        var (offering, answering) = await pair.ConnectAsync();
        foreach (var size in (int[])[0, 1, 16 * 1024, 256 * 1024])
        {
            var payload = RandomNumberGenerator.GetBytes(size);
            var text = Encoding.UTF8.GetBytes(Convert.ToHexString(payload)[..Math.Min(size, 1000)]);
            foreach (var (from, to) in new[] { (offering, answering), (answering, offering) })
            {
                await from.SendAsync(payload);
                await from.SendAsync(text, DataChannelMessageType.Text);

                using var binary = (await to.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
                binary.Type.ShouldBe(DataChannelMessageType.Binary);
                binary.Data.Span.SequenceEqual(payload).ShouldBeTrue();
                using var reply = (await to.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
                reply.Type.ShouldBe(DataChannelMessageType.Text);
                reply.Data.Span.SequenceEqual(text).ShouldBeTrue();
            }
        }

        pair.Offerer.GetStatistics().MessagesSent.ShouldBe(8);
        pair.Answerer.GetStatistics().BytesReceived.ShouldBe(pair.Offerer.GetStatistics().BytesSent);
    }

    [Fact]
    public async Task Messages_in_both_directions_keep_their_order()
    {
        const int messages = 300;
        await using var pair = CreatePair();
        var (offering, answering) = await pair.ConnectAsync();
        await Task.WhenAll(SendAsync(offering), SendAsync(answering), TakeAsync(offering), TakeAsync(answering));

        static async Task SendAsync(IDataChannel channel)
        {
            for (var i = 0; i < messages; i++)
                await channel.SendAsync(BitConverter.GetBytes(i).Concat(new byte[i % 7 * 200]).ToArray());
        }

        static async Task TakeAsync(IDataChannel channel)
        {
            for (var i = 0; i < messages; i++)
            {
                using var message = (await channel.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
                BitConverter.ToInt32(message.Data.Span).ShouldBe(i);
                message.Data.Length.ShouldBe(4 + i % 7 * 200);
            }
        }
    }

    [Fact]
    public async Task A_sender_waits_while_the_send_buffer_is_full()
    {
        const int size = 16 * 1024;
        await using var pair = CreatePair(new() { SendBufferSize = 64 * 1024, ReceiveBufferSize = 64 * 1024 });
        var (offering, answering) = await pair.ConnectAsync();

        // Nobody reads: what both buffers and a window of SCTP take is all that can be sent.
        var sent = 0;
        var most = 0L;
        while (offering.TrySend(new byte[size]))
        {
            (++sent).ShouldBeLessThan(64);
            most = Math.Max(most, offering.BufferedAmount);
        }

        most.ShouldBeGreaterThan(0);
        var waiting = offering.SendAsync(new byte[size]).AsTask();

        for (var taken = 0; taken <= sent; taken++)
            (await answering.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull().Dispose();
        await waiting.WaitAsync(Patience);
        await UntilAsync(() => offering.BufferedAmount == 0);
    }

    [Fact]
    public async Task A_message_above_the_peers_limit_is_refused_and_the_channel_goes_on()
    {
        await using var pair = CreatePair(new() { MaxMessageSize = 1000 });
        var (offering, answering) = await pair.ConnectAsync();
        foreach (var (from, to) in new[] { (offering, answering), (answering, offering) })
        {
            from.MaxMessageSize.ShouldBe(1000);
            Should.Throw<ArgumentException>(() => from.TrySend(new byte[1001])).Message.ShouldContain("max-message-size");

            await from.SendAsync(new byte[1000]);
            using var message = (await to.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
            message.Data.Length.ShouldBe(1000);
        }
    }

    [Fact]
    public async Task A_receive_can_be_cancelled_and_tried_again()
    {
        await using var pair = CreatePair();
        var (offering, answering) = await pair.ConnectAsync();
        using var cancellation = new CancellationTokenSource();
        var receive = answering.ReceiveAsync(cancellation.Token).AsTask();
        Should.Throw<InvalidOperationException>(() => { _ = answering.ReceiveAsync().AsTask().GetAwaiter().GetResult(); });

        await cancellation.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(receive);

        await offering.SendAsync(new byte[] { 7 });
        using var message = (await answering.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
        message.Data.Span[0].ShouldBe((byte)7);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Disposing_one_end_ends_the_other_and_frees_everything(bool offererCloses)
    {
        await using var pair = CreatePair();
        var (offering, answering) = await pair.ConnectAsync();
        var (closer, other) = offererCloses ? (pair.Offerer, pair.Answerer) : (pair.Answerer, pair.Offerer);
        var (closed, left) = offererCloses ? (offering, answering) : (answering, offering);
        var states = new StateLog(other);

        await closer.DisposeAsync();
        await closer.DisposeAsync();

        await states.ReachAsync(PeerConnectionState.Closed);
        (await left.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldBeNull();
        (await closed.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldBeNull();
        foreach (var channel in new[] { closed, left })
        {
            channel.State.ShouldBe(DataChannelState.Closed);
            Should.Throw<DataChannelClosedException>(() => channel.TrySend([1]));
        }

        other.Failure.ShouldBeNull();
        closer.ConnectionState.ShouldBe(PeerConnectionState.Closed);
        closer.SignalingState.ShouldBe(SignalingState.Closed);
        pair.OfferingFactory.OpenConnections.ShouldBe(0);
        pair.AnsweringFactory.OpenConnections.ShouldBe(0);
        Should.Throw<InvalidOperationException>(() => closer.CreateDataChannel("late"));
        await Should.ThrowAsync<InvalidOperationException>(async () => await closer.AddIceCandidateAsync(null));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_certificate_that_was_not_promised_fails_the_connection(bool offerIsForged)
    {
        await using var pair = CreatePair();
        var states = new StateLog(offerIsForged ? pair.Answerer : pair.Offerer);
        var channel = pair.Offerer.CreateDataChannel("test");
        await pair.Offerer.SetLocalDescriptionAsync(await pair.Offerer.CreateOfferAsync());
        await pair.Answerer.SetRemoteDescriptionAsync(Forge(pair.Offerer.LocalDescription!, offerIsForged));
        await pair.Answerer.SetLocalDescriptionAsync(await pair.Answerer.CreateAnswerAsync());
        await pair.Offerer.SetRemoteDescriptionAsync(Forge(pair.Answerer.LocalDescription!, !offerIsForged));

        await states.ReachAsync(PeerConnectionState.Failed);
        states.Connection.Failure.ShouldNotBeNull().Kind.ShouldBe(PeerConnectionFailureKind.FingerprintMismatch);
        states.Seen.ShouldNotContain(PeerConnectionState.Connected);
        (offerIsForged ? pair.AnsweringFactory : pair.OfferingFactory).OpenConnections.ShouldBe(0);
        if (!offerIsForged)
            (await Should.ThrowAsync<DataChannelClosedException>(channel.WaitForOpenAsync().WaitAsync(Patience))).Message.ShouldContain(states.Connection.Failure!.Message);
    }

    [Fact]
    public async Task Descriptions_in_the_wrong_order_are_refused()
    {
        await using var pair = CreatePair();
        await Should.ThrowAsync<InvalidOperationException>(async () => await pair.Answerer.CreateAnswerAsync());
        await Should.ThrowAsync<InvalidOperationException>(async () => await pair.Offerer.CreateOfferAsync());
        pair.Offerer.CreateDataChannel("test");
        var offer = await pair.Offerer.CreateOfferAsync();
        var answer = new SessionDescription(SdpType.Answer, offer.Sdp.Replace("actpass", "active", StringComparison.Ordinal));
        await Should.ThrowAsync<InvalidOperationException>(async () => await pair.Offerer.SetRemoteDescriptionAsync(answer));
        await Should.ThrowAsync<FormatException>(async () => await pair.Answerer.SetRemoteDescriptionAsync(new(SdpType.Offer, "v=0\r\n")));
        pair.Offerer.ConnectionState.ShouldBe(PeerConnectionState.New);
        pair.Offerer.LocalDescription.ShouldBeNull();
    }

    [Fact]
    public async Task With_relays_only_no_address_of_this_machine_is_told()
    {
        await using var offering = CreateOffering();
        await using var answering = CreateAnswering();
        foreach (var factory in new[] { offering, answering })
        {
            var found = new List<IceCandidate?>();
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var connection = factory.CreatePeerConnection(new() { IceTransportPolicy = IceTransportPolicy.Relay });
            connection.IceCandidateFound += found.Add;
            connection.IceGatheringStateChanged += state =>
            {
                if (state == IceGatheringState.Complete)
                    ended.TrySetResult();
            };
            connection.CreateDataChannel("test");
            await connection.SetLocalDescriptionAsync(await connection.CreateOfferAsync());

            await ended.Task.WaitAsync(Patience);
            found.ShouldBe([null]);
            connection.LocalDescription.ShouldNotBeNull().Sdp.ShouldNotContain("a=candidate");
        }
    }

    /// <summary>Both ways: what a stack says it can do it does, and what it cannot it refuses.</summary>
    [Fact]
    public async Task What_a_stack_lacks_is_refused()
    {
        await using var pair = CreatePair();
        foreach (var (factory, connection) in new[] { (pair.OfferingFactory, pair.Offerer), (pair.AnsweringFactory, pair.Answerer) })
        {
            Check(factory, PeerConnectionCapabilities.PartialReliability, () => connection.CreateDataChannel("unordered", new() { Ordered = false }));
            Check(factory, PeerConnectionCapabilities.PartialReliability, () => connection.CreateDataChannel("lossy", new() { MaxRetransmits = 0 }));
            Check(factory, PeerConnectionCapabilities.IceRestart, connection.RestartIce);
        }

        static void Check(IPeerConnectionFactory factory, PeerConnectionCapabilities needed, Action action)
        {
            if (factory.Capabilities.HasFlag(needed))
                action();
            else
                Should.Throw<NotSupportedException>(action);
        }
    }

    [Fact]
    public async Task Nothing_is_left_of_200_connections()
    {
        await using var offering = CreateOffering();
        await using var answering = CreateAnswering();
        var ended = new List<WeakReference>();
        for (var round = 0; round < 50; round++)
            ended.AddRange((await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => CycleAsync(offering, answering)))).SelectMany(ends => ends));

        offering.OpenConnections.ShouldBe(0);
        answering.OpenConnections.ShouldBe(0);
        // A thread or a timer of a connection would keep it. The last few may stand on a stack of this test.
        await UntilAsync(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return ended.Count(end => end.IsAlive) <= 16;
        });
        ended.Count.ShouldBe(400);
    }

    private static async Task<WeakReference[]> CycleAsync(IPeerConnectionFactory offering, IPeerConnectionFactory answering)
    {
        var (offerer, answerer) = (offering.CreatePeerConnection(), answering.CreatePeerConnection());
        var accepted = new ChannelLog(answerer);
        var channel = offerer.CreateDataChannel("cycle");
        await SignalAsync(offerer, answerer);
        await channel.WaitForOpenAsync().WaitAsync(Patience);
        await accepted.TakeAsync("cycle");
        var gone = new StateLog(answerer);
        await offerer.DisposeAsync();
        await gone.ReachAsync(PeerConnectionState.Closed);
        await answerer.DisposeAsync();
        return [new(offerer), new(answerer)];
    }

    private static SessionDescription Forge(SessionDescription description, bool isForged)
    {
        if (!isForged)
            return description;
        var line = description.Sdp.Split("\r\n").Single(l => l.StartsWith("a=fingerprint:", StringComparison.Ordinal));
        return description with { Sdp = description.Sdp.Replace(line, line[..^1] + (line[^1] == 'A' ? 'B' : 'A'), StringComparison.Ordinal) };
    }

    private static async Task<string> TakeTextAsync(IDataChannel channel)
    {
        using var message = (await channel.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
        message.Type.ShouldBe(DataChannelMessageType.Text);
        return Encoding.UTF8.GetString(message.Data.Span);
    }
}
