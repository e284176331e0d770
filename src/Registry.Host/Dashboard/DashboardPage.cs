using System.Collections.Frozen;
using System.Formats.Tar;
using System.IO.Compression;
using Registry.Host.Api;
using Registry.Host.Security;

namespace Registry.Host.Dashboard;

/// <summary><c>GET /</c>: the page that shows the registry and opens tubes from the browser to this gateway, and the files it loads, noVNC's among them.</summary>
internal static class DashboardPage
{
    // The page is whole in itself: no other origin may be asked for anything, no script or style stands in the page, no text becomes markup, and no other page may frame it.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'";

    // The npm package @novnc/novnc as it was published. Another version is another file name, here, in the project and in desktop.js.
    private const string NoVncVersion = "1.7.0";

    private const string Prefix = "Dashboard.";
    private const string Page = "index.html";

    private static readonly FrozenDictionary<string, byte[]> Own = typeof(DashboardPage).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && !name.EndsWith(".tgz", StringComparison.Ordinal))
        .Select(name => name[Prefix.Length..])
        .ToFrozenDictionary(name => name, Read);

    private static readonly Lazy<FrozenDictionary<string, byte[]>> NoVnc = new(() => Unpack(Open($"novnc-{NoVncVersion}.tgz")));

    public static void MapDashboard(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", (HttpResponse response) =>
        {
            response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
            return File(response, Own[Page], "text/html; charset=utf-8", "no-cache");
        }).ForAnyone().ExcludeFromDescription();
        routes.MapGet("/dashboard/{name}", (string name, HttpResponse response) => name != Page && Own.TryGetValue(name, out var file)
            ? File(response, file, TypeOf(name), "no-cache")
            : Results.NotFound()).ForAnyone().ExcludeFromDescription();
        routes.MapGet($"/novnc/{NoVncVersion}/{{**path}}", (string path, HttpResponse response) => NoVnc.Value.TryGetValue(path, out var file)
            ? File(response, file, TypeOf(path), "public, max-age=31536000, immutable")
            : Results.NotFound()).ForAnyone().ExcludeFromDescription();
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };

    private static IResult File(HttpResponse response, byte[] content, string type, string caching)
    {
        response.Headers.CacheControl = caching;
        return Results.Bytes(content, type, entityTag: TaggedContent.TagOf(content));
    }

    private static FrozenDictionary<string, byte[]> Unpack(Stream package)
    {
        using var unzipped = new GZipStream(package, CompressionMode.Decompress);
        using var archive = new TarReader(unzipped);
        var files = new Dictionary<string, byte[]>();
        while (archive.GetNextEntry() is { } entry)
            if (entry is { DataStream: { } content, Name: ['p', 'a', 'c', 'k', 'a', 'g', 'e', '/', .. var name] })
                files[name] = ReadAll(content);
        return files.ToFrozenDictionary();
    }

    private static byte[] Read(string name)
    {
        using var resource = Open(name);
        return ReadAll(resource);
    }

    private static Stream Open(string name) =>
        typeof(DashboardPage).Assembly.GetManifestResourceStream(Prefix + name) ?? throw new InvalidOperationException($"The web page's {name} is not part of this build.");

    private static byte[] ReadAll(Stream stream)
    {
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }
}
