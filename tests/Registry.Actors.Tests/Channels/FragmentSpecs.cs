using System.Buffers.Binary;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

/// <summary>Payloads that the original splits.</summary>
public sealed class FragmentSpecs
{
    // The original's threshold and size of a piece.
    private const int PieceSize = 16 * 1024;

    [Theory]
    [InlineData("03" + "01020304" + "0000" + "0003", 0, 3)] // first
    [InlineData("01" + "01020304" + "0001" + "0003", 1, 3)] // in the middle
    [InlineData("05" + "01020304" + "0002" + "0003", 2, 3)] // last
    [InlineData("07" + "01020304" + "0000" + "0001", 0, 1)] // both
    [InlineData("05" + "01020304" + "00FF" + "0100", 255, 256)]
    public void A_header_has_the_original_s_layout(string hex, int index, int total)
    {
        FragmentHeader.TryRead(Convert.FromHexString(hex), out var header).ShouldBeTrue();
        header.ShouldBe(new FragmentHeader(0x01020304, (ushort)index, (ushort)total));
        Convert.ToHexString(Piece(0x01020304, index, total, [])).ShouldBe(hex);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0301020304000000")] // cut short
    [InlineData("01" + "01020304" + "0000" + "0003")] // the first does not say so
    [InlineData("03" + "01020304" + "0001" + "0003")]
    [InlineData("01" + "01020304" + "0002" + "0003")] // the last does not say so
    [InlineData("05" + "01020304" + "0001" + "0003")]
    [InlineData("01" + "01020304" + "0003" + "0003")]
    [InlineData("03" + "01020304" + "0000" + "0000")]
    [InlineData("03" + "01020304" + "0000" + "0101")] // more than the original makes
    [InlineData("02" + "01020304" + "0000" + "0003")]
    [InlineData("342E73697A652C312E")] // 4.size,1.
    public void What_is_no_fragment_is_data(string hex)
    {
        var (assembler, _) = Assembler();

        assembler.Take(1, Convert.FromHexString(hex), out var whole).ShouldBeNull();

        Convert.ToHexString(whole.Span).ShouldBe(hex);
    }

    [Theory]
    [InlineData(PieceSize, 1)]
    [InlineData(PieceSize + 1, 2)]
    [InlineData(50_000, 4)]
    [InlineData(100_000, 7)]
    [InlineData(FragmentHeader.MaxTotal * PieceSize, FragmentHeader.MaxTotal)]
    public void A_payload_is_put_together_in_order(int length, int pieces)
    {
        var (assembler, tube) = Assembler();
        var payload = Random(length);
        var fragments = Split(7, payload);
        fragments.Length.ShouldBe(pieces);

        foreach (var fragment in fragments[..^1])
        {
            assembler.Take(1, fragment, out var none).ShouldBeNull();
            none.IsEmpty.ShouldBeTrue();
        }

        assembler.Take(1, fragments[^1], out var whole).ShouldBeNull();
        whole.Span.SequenceEqual(payload).ShouldBeTrue();
        tube.Fragments.Queued.ShouldBe(0);
    }

    [Fact]
    public void Any_order_works_and_duplicates_do_no_harm() =>
        Gen.Select(Gen.Int[1, 40].Array[2, 12], Gen.Int[0, 1000]).Sample((sizes, seed) =>
        {
            var (assembler, tube) = Assembler();
            var random = new Random(seed);
            var pieces = sizes.Select((size, i) => (Data: Random(size), Index: i)).ToArray();
            var expected = pieces.SelectMany(p => p.Data).ToArray();
            var sent = pieces.SelectMany(p => Enumerable.Repeat(Piece(1, p.Index, sizes.Length, p.Data), 1 + random.Next(2))).ToArray();
            random.Shuffle(sent);
            byte[]? got = null;
            foreach (var fragment in sent)
            {
                assembler.Take(1, fragment, out var whole).ShouldBeNull();
                if (whole.IsEmpty)
                    continue;
                got = whole.ToArray();
                break;
            }

            got.ShouldBe(expected);
            tube.Fragments.Queued.ShouldBe(0);
        });

    [Fact]
    public void Payloads_of_several_connections_may_be_under_way()
    {
        var (assembler, tube) = Assembler();

        assembler.Take(1, Piece(9, 0, 2, "a"u8), out _).ShouldBeNull();
        assembler.Take(2, Piece(9, 0, 2, "x"u8), out _).ShouldBeNull();
        assembler.Take(1, Piece(9, 1, 2, "b"u8), out var whole).ShouldBeNull();
        whole.ToArray().ShouldBe("ab"u8.ToArray());
        assembler.Forget(2);
        tube.Fragments.Queued.ShouldBe(0);
    }

    [Fact]
    public void Limits_are_enforced()
    {
        var time = new FakeTimeProvider();
        var (assembler, tube) = Assembler(time);
        assembler.Take(1, Piece(1, 0, 2, []), out _).ShouldBeNull();
        assembler.Take(1, Piece(1, 1, 3, []), out _).ShouldNotBeNull().ShouldContain("disagree");
        time.Advance(FragmentAssembler.MaxWait + TimeSpan.FromTicks(1));
        assembler.Take(1, Piece(2, 0, 2, []), out _).ShouldNotBeNull().ShouldContain("30 s");
        assembler.Dispose();
        tube.Fragments.Queued.ShouldBe(0);

        for (var sequence = 0u; sequence < FragmentAssembler.MaxPending; sequence++)
            assembler.Take(1, Piece(sequence, 0, 2, []), out _).ShouldBeNull();
        assembler.Take(1, Piece(FragmentAssembler.MaxPending, 0, 2, []), out _).ShouldNotBeNull().ShouldContain("1000 payloads");
        assembler.Dispose();

        string? error = null;
        for (var sequence = 0u; error is null; sequence++)
            error = assembler.Take(1, Piece(sequence, 0, 2, new byte[PieceSize]), out _);
        error.ShouldContain("fragments wait");
        tube.Fragments.Highest.ShouldBeLessThanOrEqualTo(TubeFlow.MaxFragments);
        assembler.Dispose();
        tube.Fragments.Queued.ShouldBe(0);
    }

    [Theory]
    [InlineData("on", "", "ab")]
    [InlineData("off", "", null)]
    [InlineData("on", ControlMessage.Protocol, null)]
    public async Task Fragments_are_put_together_for_the_target_where_the_node_says_so(string setting, string protocol, string? whole)
    {
        await using var server = LoopbackServer.Echo();
        await using var peer = new PlayedPeer(TunnelSettings.Dial("127.0.0.1", server.EndPoint.Port), hocon: $"registry.channels.accept-fragments = {setting}", protocol: protocol);
        byte[] first = Piece(1, 0, 2, "a"u8), last = Piece(1, 1, 2, "b"u8);

        await peer.ControlAsync(ControlCode.OpenConnection, 1);
        while (await peer.NextControlAsync() != (ControlCode.ConnectionOpened, 1u))
            continue;
        if (protocol.Length > 0)
            await peer.SendAsync(Frame.Encode(0, 0, ControlMessage.EncodeWindowUpdate(1, 1000)));
        await peer.SendAsync(Frame.Encode(1, 0, first));
        await peer.SendAsync(Frame.Encode(1, 0, last));
        await peer.ControlAsync(ControlCode.SendEof, 1);

        var got = new List<byte>();
        var isOver = false;
        while (!isOver)
        {
            var (connection, payload) = await peer.NextAsync();
            if (connection == 1)
                got.AddRange(payload);
            isOver = connection == 0 && BinaryPrimitives.ReadUInt16BigEndian(payload) == (ushort)ControlCode.SendEof;
        }

        got.ShouldBe(whole is null ? [.. first, .. last] : System.Text.Encoding.UTF8.GetBytes(whole));
    }

    private static (FragmentAssembler, TubeFlow) Assembler(TimeProvider? time = null)
    {
        var tube = new TubeFlow(new(256 * 1024, 1024 * 1024, 8 * 1024 * 1024));
        return (new(tube, time ?? TimeProvider.System), tube);
    }

    private static byte[][] Split(uint sequence, byte[] payload)
    {
        var pieces = payload.Chunk(PieceSize).ToArray();
        return [.. pieces.Select((piece, i) => Piece(sequence, i, pieces.Length, piece))];
    }

    private static byte[] Piece(uint sequence, int index, int total, ReadOnlySpan<byte> data)
    {
        var fragment = new byte[FragmentHeader.Length + data.Length];
        fragment[0] = (byte)(1 | (index == 0 ? 2 : 0) | (index == total - 1 ? 4 : 0));
        BinaryPrimitives.WriteUInt32BigEndian(fragment.AsSpan(1), sequence);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(5), (ushort)index);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(7), (ushort)total);
        data.CopyTo(fragment.AsSpan(FragmentHeader.Length));
        return fragment;
    }

    private static byte[] Random(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
