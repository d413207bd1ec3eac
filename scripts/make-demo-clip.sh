#!/usr/bin/env bash
# Makes assets/demo.flv, the clip that `--demo` publishes in a loop, from ffmpeg's own sources.
#   scripts/make-demo-clip.sh [output]
# 16 s is both 400 frames at 25/s and 750 AAC frames at 48 kHz: both tracks end together, so a loop has no gap.
# No end-of-sequence tag, which would end the video at every turn of the loop.
# Closed GOPs of one second without B-frames: any second is a place to start, and decode order is display order.
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:-assets/demo.flv}
font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf

picture="testsrc2=size=640x360:rate=25"
if [ -r "$font" ]; then
  style="fontfile=$font:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=8"
  picture+=",drawtext=$style:fontsize=40:x=(w-tw)/2:y=h-90:rate=25:timecode='00\\:00\\:00\\:00'"
  picture+=",drawtext=$style:fontsize=24:x=(w-tw)/2:y=h-130:text='weir demo'"
else
  echo "no $font: the picture keeps testsrc2's own clock" >&2
fi
# A soft tone with a beep at the start of each second.
sound="sine=frequency=220:beep_factor=4:sample_rate=48000,volume=0.3"

mkdir -p "$(dirname "$output")"
# The AAC encoder's first frame is priming at a negative time; dropped, so that both tracks start at 0.
ffmpeg -hide_banner -loglevel error -nostdin -y \
  -f lavfi -i "$picture" -f lavfi -i "$sound" -t 16 \
  -map 0:v -map 1:a \
  -c:v libx264 -preset slow -profile:v main -pix_fmt yuv420p -bf 0 -threads 1 \
  -g 25 -keyint_min 25 -sc_threshold 0 -flags +cgop -b:v 750k -maxrate 850k -bufsize 850k \
  -c:a aac -b:a 64k -ac 2 -bsf:a "noise=drop='eq(n,0)'" \
  -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -flvflags no_duration_filesize+no_sequence_end \
  -f flv "$output"
ls -l "$output"
