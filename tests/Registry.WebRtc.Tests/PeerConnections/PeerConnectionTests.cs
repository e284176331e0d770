using System.Security.Cryptography;
using System.Text;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>Whole connections over real sockets on loopback.</summary>
public sealed class PeerConnectionTests
{
    [Fact]
    public async Task A_sender_never_runs_ahead_of_the_reader_by_more_than_both_buffers()
    {
        const int messageSize = 16 * 1024;
        const int messages = 1000;
        var configuration = new PeerConnectionConfiguration { SendBufferSize = 256 * 1024, ReceiveBufferSize = 512 * 1024 };
        await using var pair = ConnectionPair.Create(configuration);
        var (offering, answering) = await pair.ConnectAsync();
        var sent = 0;
        var buffersFull = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < messages; i++)
            {
                await offering.SendAsync(new byte[messageSize]);
                // The peer's whole window is used and the own buffer is full again: from here on each send waits for the reader.
                if (Interlocked.Add(ref sent, messageSize) >= configuration.ReceiveBufferSize + configuration.SendBufferSize / 2)
                    buffersFull.TrySetResult();
            }
        });
        await buffersFull.Task.WaitAsync(Patience);

        var taken = 0;
        while (taken < messages * messageSize)
        {
            (Volatile.Read(ref sent) - taken).ShouldBeLessThanOrEqualTo(configuration.SendBufferSize + configuration.ReceiveBufferSize + 2 * messageSize);
            using var message = (await answering.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
            taken += message.Data.Length;
        }
        await sending.WaitAsync(Patience);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_closed_channel_delivers_what_was_sent_and_ends_on_both_sides(bool offererCloses)
    {
        await using var pair = ConnectionPair.Create();
        var (offering, answering) = await pair.ConnectAsync();
        var (closer, other) = offererCloses ? (offering, answering) : (answering, offering);

        for (var i = 0; i < 50; i++)
            await closer.SendAsync(new byte[10_000]);
        closer.Close();

        for (var i = 0; i < 50; i++)
            (await other.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull().Dispose();
        (await other.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldBeNull();
        (await closer.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldBeNull();
        closer.State.ShouldBe(DataChannelState.Closed);
        other.State.ShouldBe(DataChannelState.Closed);
        Should.Throw<DataChannelClosedException>(() => closer.TrySend([1]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_sender_that_waits_for_space_learns_that_its_channel_closed(bool peerCloses)
    {
        await using var pair = ConnectionPair.Create(new() { SendBufferSize = 64 * 1024, ReceiveBufferSize = 64 * 1024 });
        var (offering, answering) = await pair.ConnectAsync();
        var waiting = Task.Run(async () =>
        {
            while (true)
                await offering.SendAsync(new byte[16 * 1024]);
        });

        // The peer takes one message and then no more, so the sender must come to a halt.
        (await answering.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull().Dispose();
        (peerCloses ? answering : offering).Close();

        await Should.ThrowAsync<DataChannelClosedException>(waiting.WaitAsync(Patience));
    }

    [Fact]
    public async Task One_shared_socket_serves_many_peers()
    {
        await using var gateway = CreateFactory();
        await using var clients = CreateFactory(socketPerConnection: true);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            var client = clients.CreatePeerConnection();
            var server = gateway.CreatePeerConnection();
            var received = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
            server.DataChannelReceived += received.SetResult;
            var channel = client.CreateDataChannel($"channel {i}");
            await SignalAsync(client, server);
            await channel.WaitForOpenAsync().WaitAsync(Patience);
            await channel.SendAsync(BitConverter.GetBytes(i));
            var other = await received.Task.WaitAsync(Patience);
            other.Label.ShouldBe($"channel {i}");
            using var message = (await other.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
            BitConverter.ToInt32(message.Data.Span).ShouldBe(i);
        }));
        gateway.OpenConnections.ShouldBe(50);

        await gateway.DisposeAsync();
        gateway.OpenConnections.ShouldBe(0);
        gateway.Demultiplexer.AddressCount.ShouldBe(0);
        gateway.Demultiplexer.TransactionCount.ShouldBe(0);
    }

    [Fact]
    public async Task Several_channels_are_independent_and_keep_their_options()
    {
        await using var pair = ConnectionPair.Create();
        await pair.ConnectAsync();
        var arrived = new Dictionary<string, TaskCompletionSource<IDataChannel>>
        {
            ["unordered"] = new(TaskCreationOptions.RunContinuationsAsynchronously),
            ["lossy"] = new(TaskCreationOptions.RunContinuationsAsynchronously),
        };
        pair.Answerer.DataChannelReceived += channel =>
        {
            if (arrived.TryGetValue(channel.Label, out var waiting))
                waiting.SetResult(channel);
        };

        pair.Offerer.CreateDataChannel("unordered", new() { Ordered = false, Protocol = "tube.v2" });
        pair.Offerer.CreateDataChannel("lossy", new() { MaxRetransmits = 3 });

        var unordered = await arrived["unordered"].Task.WaitAsync(Patience);
        unordered.Options.Ordered.ShouldBeFalse();
        unordered.Protocol.ShouldBe("tube.v2");
        var lossy = await arrived["lossy"].Task.WaitAsync(Patience);
        lossy.Options.MaxRetransmits.ShouldBe((ushort)3);
    }

    [Fact]
    public async Task Negotiated_channels_keep_their_ids_and_one_whose_id_is_taken_closes()
    {
        await using var pair = ConnectionPair.Create();
        var zero = new DataChannelOptions { Negotiated = true, Id = 0 };
        var one = new DataChannelOptions { Negotiated = true, Id = 1 };
        pair.Offerer.CreateDataChannel("announced");
        var channels = new[] { pair.Offerer.CreateDataChannel("zero", zero), pair.Offerer.CreateDataChannel("one", one) };
        var taken = pair.Offerer.CreateDataChannel("taken", one);
        var peers = new[] { pair.Answerer.CreateDataChannel("zero", zero), pair.Answerer.CreateDataChannel("one", one) };

        await pair.ConnectAsync();

        await Should.ThrowAsync<DataChannelClosedException>(taken.WaitForOpenAsync().WaitAsync(Patience));
        for (var i = 0; i < 2; i++)
        {
            await peers[i].WaitForOpenAsync().WaitAsync(Patience);
            await channels[i].SendAsync(new byte[] { (byte)i });
            using var message = (await peers[i].ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
            message.Data.ToArray().ShouldBe([(byte)i]);
        }
    }

    [Fact]
    public async Task Closing_a_channel_that_nobody_reads_frees_the_window_for_the_others()
    {
        await using var pair = ConnectionPair.Create(new() { ReceiveBufferSize = 64 * 1024, SendBufferSize = 64 * 1024, MaxMessageSize = 32 * 1024 });
        var (offering, answering) = await pair.ConnectAsync();
        var accepted = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        pair.Answerer.DataChannelReceived += accepted.SetResult;
        var flood = pair.Offerer.CreateDataChannel("flood");
        await flood.WaitForOpenAsync().WaitAsync(Patience);
        var flooding = Task.Run(async () =>
        {
            while (true)
                await flood.SendAsync(new byte[16 * 1024]);
        });
        var unread = await accepted.Task.WaitAsync(Patience);
        (await unread.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull().Dispose();

        unread.Close();

        await Should.ThrowAsync<DataChannelClosedException>(flooding.WaitAsync(Patience));
        await offering.SendAsync(new byte[32 * 1024]);
        using var message = (await answering.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
        message.Data.Length.ShouldBe(32 * 1024);
    }

    [Fact]
    public async Task Messages_sent_right_before_the_end_are_delivered()
    {
        for (var round = 0; round < 20; round++)
        {
            await using var pair = ConnectionPair.Create();
            var (offering, answering) = await pair.ConnectAsync();

            await offering.SendAsync(new byte[] { 1, 2, 3 });
            await pair.Offerer.DisposeAsync();

            using var message = (await answering.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull();
            message.Data.ToArray().ShouldBe([1, 2, 3]);
            (await answering.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldBeNull();
        }
    }
}
