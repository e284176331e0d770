using CsCheck;
using Registry.Actors.Channels;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

public sealed class FrameSpecs
{
    private const int MaxPayload = 1024 * 1024;

    [Fact]
    public void A_data_frame_has_the_original_layout() =>
        Convert.ToHexString(Frame.Encode(0x01020304, 0x0000018BCFE56800, "hi;"u8)).ShouldBe("01020304" + "0000018BCFE56800" + "00000003" + "68693B" + "3B");

    [Theory]
    [InlineData(1, "0001" + "00000007" + "AABB")]
    [InlineData(2, "0002" + "00000007" + "AABB")]
    [InlineData(101, "0065" + "00000007" + "AABB")]
    [InlineData(103, "0067" + "00000007" + "AABB")]
    [InlineData(104, "0068" + "00000007" + "AABB")]
    public void Control_messages_have_the_original_layout(int code, string expected) =>
        Convert.ToHexString(ControlMessage.Encode((ControlCode)code, 7, [0xAA, 0xBB])).ShouldBe(expected);

    [Fact]
    public void A_close_has_the_original_layout()
    {
        Convert.ToHexString(ControlMessage.EncodeClose(7, CloseReason.ConnectionFailed, "")).ShouldBe("0066" + "00000007" + "0A");
        Convert.ToHexString(ControlMessage.EncodeClose(7, CloseReason.ConnectionFailed, "no")).ShouldBe("0066" + "00000007" + "0A" + "0002" + "6E6F");
        Convert.ToHexString(ControlMessage.EncodeMetrics("{}")).ShouldBe("012E" + "7B7D");
    }

    [Fact]
    public void The_messages_of_tube_v2_have_a_fixed_layout()
    {
        Convert.ToHexString(ControlMessage.EncodeAccept()).ShouldBe("0064" + "00000000" + "747562652E7632");
        Convert.ToHexString(ControlMessage.EncodeWindowUpdate(7, 0x01020304)).ShouldBe("0069" + "00000007" + "01020304");
        ControlMessage.Read(ControlMessage.EncodeWindowUpdate(7, 0x01020304), out var update).ShouldBeNull();
        (update.Connection, update.WindowBytes).ShouldBe((7u, 0x01020304u));
    }

    [Fact]
    public void Every_reason_survives_a_close()
    {
        foreach (var reason in Enum.GetValues<CloseReason>())
        {
            ControlMessage.Read(ControlMessage.EncodeClose(3, reason, "why"), out var message).ShouldBeNull();
            message.Reason.ShouldBe(reason);
            message.Text.ShouldBe("why");
        }

        ControlMessage.Read(new byte[] { 0, 102, 0, 0, 0, 3, 3 }, out var hole).ShouldBeNull();
        hole.Reason.ShouldBe(CloseReason.Unknown);
    }

    [Fact]
    public void A_close_text_is_cut_at_a_whole_character()
    {
        ControlMessage.Read(ControlMessage.EncodeClose(1, CloseReason.Error, new string('ü', 600)), out var message).ShouldBeNull();
        message.Text.ShouldBe(new string('ü', ControlMessage.MaxText / 2));
    }

    [Theory]
    [InlineData("00")]
    [InlineData("0003")] // no such code
    [InlineData("0065000000")]
    [InlineData("00660000000A")] // no reason
    [InlineData("00660000000A0A00")] // half a text length
    [InlineData("00660000000A0A000461")] // text cut short
    [InlineData("00680000")]
    [InlineData("006400000000747562652E7633")] // tube.v3
    [InlineData("006400000000")]
    [InlineData("006900000001")] // no size
    [InlineData("0069000000010000000001")]
    public void Malformed_control_messages_are_told(string hex) => ControlMessage.Read(Convert.FromHexString(hex), out _).ShouldNotBeNull();

    [Fact]
    public void A_short_ping_is_about_the_channel()
    {
        ControlMessage.Read(Convert.FromHexString("0001AB"), out var ping).ShouldBeNull();
        ping.ShouldBe(new ControlMessage(ControlCode.Ping, 0, ReadOnlyMemory<byte>.Empty));
    }

    [Fact]
    public void Random_control_bytes_are_read_or_told_and_never_throw() =>
        Gen.Byte.Array[0, 64].Sample(bytes =>
        {
            if (ControlMessage.Read(bytes, out var message) is null && message.Code == ControlCode.CloseConnection)
                _ = (message.Reason, message.Text);
        });

    [Fact]
    public void Frames_survive_any_cut_into_messages() =>
        Gen.Select(
            Gen.Select(Gen.UInt, Gen.ULong, Gen.Byte.Array[0, 300]).Array[1, 8],
            Gen.Int[1, 400].Array[1, 40])
        .Sample((frames, cuts) =>
        {
            var stream = frames.SelectMany(f => Frame.Encode(f.Item1, f.Item2, f.Item3)).ToArray();
            Parse(stream, cuts).ShouldBe(frames.Select(f => (f.Item1, f.Item2, Convert.ToHexString(f.Item3))));
        });

    [Fact]
    public void Random_bytes_never_throw_and_never_pile_up() =>
        Gen.Byte.Array[0, 200].Array[1, 20].Sample(messages =>
        {
            using var parser = new FrameParser(1024);
            foreach (var message in messages)
            {
                parser.Append(message);
                FrameStatus status;
                while ((status = parser.TryRead(out _)) == FrameStatus.Frame)
                    continue;
                if (status == FrameStatus.Malformed)
                    return;
                parser.Detach();
                parser.Carried.ShouldBeLessThan(1024 + Frame.Overhead);
            }
        });

    [Fact]
    public void A_length_above_the_limit_is_malformed_before_the_payload_comes()
    {
        using var parser = new FrameParser(MaxPayload);
        parser.Append(Frame.Encode(1, 0, []).AsMemory(0, 12).ToArray().Concat(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }).ToArray());

        parser.TryRead(out _).ShouldBe(FrameStatus.Malformed);
        parser.Error!.ShouldContain("4294967295");
    }

    [Fact]
    public void A_wrong_terminator_is_malformed()
    {
        var bytes = Frame.Encode(1, 0, [1, 2, 3]);
        bytes[^1] = (byte)':';
        using var parser = new FrameParser(MaxPayload);
        parser.Append(bytes);

        parser.TryRead(out _).ShouldBe(FrameStatus.Malformed);
        parser.TryRead(out _).ShouldBe(FrameStatus.Malformed);
        parser.Error!.ShouldContain("0x3A");
    }

    private static List<(uint, ulong, string)> Parse(byte[] stream, int[] cuts)
    {
        using var parser = new FrameParser(MaxPayload);
        var result = new List<(uint, ulong, string)>();
        for (int position = 0, cut = 0; position < stream.Length; cut++)
        {
            var length = Math.Min(cuts[cut % cuts.Length], stream.Length - position);
            var message = stream.AsSpan(position, length).ToArray();
            parser.Append(message);
            while (parser.TryRead(out var frame) == FrameStatus.Frame)
                result.Add((frame.Connection, frame.Timestamp, Convert.ToHexString(frame.Payload.Span)));
            parser.Detach();
            Array.Fill(message, (byte)0xEE); // A message's memory is gone after it was detached.
            position += length;
        }

        parser.Carried.ShouldBe(0);
        return result;
    }
}
